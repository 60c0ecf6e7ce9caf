// Package proc is the one walk over the processes of a machine, and what it knows of them: descriptors, mappings,
// threads and their calls, namespaces, users, and who has what.
//
//	Ask ─► Begin ─► walk ─► Tick: processes, indexes, memos ─► kinds and aspects
//	Kept: what one tick leaves for the next
//
// A Tick never leaves the goroutine of its collector. Whoever works something out for a whole tick keeps the result
// in a Memo, whoever needs something in later ticks in Kept: so Tick gets no new field for either.
//
// The table of Descriptors tells the walk which descriptors lead to objects. Each kind declares its own row.
package proc
