// Package collect reads the machine's IPC objects. A mechanism is a value that describes, collects and relates one kind of
// objects; everything else is generic.
//
//	Request ─► Collector ─► Tick (one walk over /proc) ─► Mechanism.Collect ─► objects ─► Mechanism.Relate ─► edges ─► Snapshot
//	Sampler: the goroutine that owns a Collector and leaves the newest Snapshot in a one-slot mailbox
//
// A new mechanism is one file here and one line in mechanisms.go.
package collect
