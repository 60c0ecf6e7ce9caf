// Package openfile lists the open files of all threads in one pass of the kernel, without /proc. A BPF program runs
// over every descriptor (the iterator task_file, kernel/bpf/task_iter.c).
//
//	Open            loads the program
//	  |
//	Reader.Read     runs the program
//	  |
//	Table           the descriptors by thread; each is a File
package openfile
