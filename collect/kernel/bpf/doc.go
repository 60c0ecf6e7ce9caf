// Package bpf runs programs over the kernel's own lists of objects (Documentation/bpf/bpf_iterators.rst) and knows
// none of these.
//
//	Ask            has this process the rights?
//	  |
//	OpenIterator   reads the kernel's types (BTF)
//	  |   Layout     tells the caller where structures have their members
//	  |   Code       collects the caller's instructions: reads, loops, writes
//	  |            loads the program, attaches it to the iterator over "task" or another kind
//	  |
//	Iterator.Run   runs it over all objects and gives what it wrote
//
// Package undo is one user.
package bpf
