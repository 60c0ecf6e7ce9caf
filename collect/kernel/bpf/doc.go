// Package bpf runs programs over the kernel's own lists of objects (Documentation/bpf/bpf_iterators.rst). It knows no
// kind of object.
//
//	Ask            checks the rights of this process
//	  |
//	OpenIterator   reads the kernel's types (BTF): OpenTypes does so once for several programs
//	  |   Layout     gives the caller the offsets of members in structures
//	  |   Code       collects the caller's instructions: reads, loops, writes
//	  |            loads the program, attaches it to the iterator over "task" or another kind
//	  |
//	Iterator.Run   runs the program over all objects and returns its output
//
// Packages undo, blocker, task and openfile are its users.
package bpf
