// Package collect is the flow: it takes snapshots of a machine's IPC objects.
//
//	Request ─► Collector ─► proc.Tick (one walk) ─► each kind's Collect ─► objects
//	        ─► each aspect's Adds and Fill ─► notes on the objects ─► Relate, Diagnose ─► Snapshot
//	Sampler: the goroutine that owns a Collector and leaves the newest Snapshot in a one-slot mailbox
//
// Mechanisms lists the kinds, and Aspects lists the aspects. The order of the lists is only the order on screen. A kind
// or an aspect that needs objects of another kind names that kind in Requires. The lister collects each kind once.
//
// Tests that make kernel objects and read them through a Collector are in this room. Tests of the
// functions of one room are in that room.
package collect
