// Package collect is the flow: it takes snapshots of a machine's IPC objects.
//
//	Request ─► Collector ─► proc.Tick (one walk) ─► each kind's Collect ─► objects
//	        ─► each aspect's Adds and Fill ─► notes on the objects ─► Relate, Diagnose ─► Snapshot
//	Sampler: the goroutine that owns a Collector and leaves the newest Snapshot in a one-slot mailbox
//
// Mechanisms lists the kinds, Aspects the aspects. The order of the lists is the order on screen and nothing else: a
// kind or an aspect that needs the objects of another kind names the kind in Requires, and the lister collects each
// kind once.
//
// Tests that make kernel objects and look at them through a Collector stand here, in files that begin with the room's
// name. Tests of one room's own functions stand in the room.
package collect
