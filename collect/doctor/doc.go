// Package doctor checks a whole machine for lost and hoarded IPC objects, and for threads that can never go on.
//
//	Wants ─► a snapshot ─► Input ─► Examine: each of Checks ─► Report
//
// A check is a small function over the snapshot and the files of the Host. It returns what it saw as findings. A file
// that could not be read becomes a fault of the Report.
package doctor
