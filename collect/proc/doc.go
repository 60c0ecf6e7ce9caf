// Package proc walks over the processes of a machine, once a tick. It reads their descriptors, mappings, threads and
// calls, namespaces and users, and finds the holders of each object.
//
//	Ask ─► Begin ─► walk ─► Tick: processes, indexes, memos ─► kinds and aspects
//	Kept: results that one tick keeps for the next
//
// A Tick never leaves the goroutine of its collector. A Memo holds a result for the whole tick. Kept holds a result
// for later ticks. So Tick needs no new field for either.
//
// The table of Descriptors tells the walk which descriptors lead to objects. Each kind declares its own row.
package proc
