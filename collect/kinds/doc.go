// Package kinds holds the kinds of objects, one file per kind. A kind holds facts from the kernel and no judgement.
//
//	Mechanism: describes, collects and relates the objects of one kind ─► rows behind columns, edges
//	Aspect:    adds a judgement to several kinds ─► columns, notes, findings, objects
//
// A kind's file has its Mechanism, its exported row and its columns. Files without a kind's name have the parts that
// several kinds share: sysv.go, posix.go, socket.go, descriptor.go. A kind does not know the aspects.
//
// A new kind is one file here and one line in collect/mechanisms.go. dmabuf.go and userfaultfd.go are short
// files to copy.
package kinds
