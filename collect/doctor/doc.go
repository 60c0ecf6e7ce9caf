// Package doctor looks at a whole machine for what loses or hoards IPC objects, and for what stands still.
//
//	Wants ─► a snapshot ─► Looked ─► Examine: each of Checks ─► Report
//
// A check is a small function over the snapshot and what the Host itself says. It says what it saw. What could not be
// read is a fault of the Report.
package doctor
