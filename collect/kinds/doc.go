// Package kinds holds the kinds of objects, one file per kind: what the kernel says of its objects, and no judgement.
//
//	Mechanism: how a kind describes, collects and relates its objects ─► rows behind columns, edges
//	Aspect:    what a judgement over several kinds adds to them ─► columns, notes, findings, objects
//
// A kind's file has its Mechanism, its exported row and its columns. Files without a kind's name have what several
// kinds share: sysv.go, posix.go, socket.go, descriptor.go. A kind does not know the aspects.
//
// A new kind is one file here and one line in collect/mechanisms.go. timerfd.go is the shortest one to copy.
package kinds
