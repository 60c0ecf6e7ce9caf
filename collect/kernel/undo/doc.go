// Package undo reads the SEM_UNDO adjustments of processes (man 2 semop). No system call and no file shows them.
//
//	Open           checks the rights, reads the kernel's types, assembles a program (layout.go, program.go)
//	  |            package bpf loads the program and attaches it to the kernel's iterator over tasks
//	Reader.Undos   runs the program and reads its output: a header and adjustments for each task
package undo
