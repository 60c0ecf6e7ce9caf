// Package task reads all threads of the reader's pid namespace by one BPF program: what /proc/PID/stat, status, ns and
// syscall tell of each, and the clocks of their processes. No file of /proc is opened.
//
//	Open ─► the program, loaded by package bpf ─► Reader.Read ─► Tasks, a record for each thread
//	                                                              └─ Process: the threads of one process
//
// The facts equal those of /proc, or a method says that they are not known. Reader.Lacks lists the facts that this
// kernel's structures do not give.
package task
