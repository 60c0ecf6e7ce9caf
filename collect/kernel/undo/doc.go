// Package undo reads what processes have to be undone by SEM_UNDO (man 2 semop), which no system call and no file
// tells.
//
//	Open           the rights, the kernel's types, a program assembled for them (layout.go, program.go)
//	  |            loaded and attached to the kernel's iterator over tasks by package bpf
//	Reader.Undos   runs it and reads what it writes: a header and adjustments for each task
package undo
