// Package demo makes real IPC objects in worker processes, to look at and to test with, and removes them again.
//
//	Start ─► journal ─► per scenario: workers ─► "ready" ─► the state is read back from /proc ─► Objects
//	          ▲                          │ say what they will make, then what they made
//	          └──────────────────────────┘
//	Stop  ─► lifeline closed ─► workers end ─► what the journal still names is removed ─► journal removed
//	Clean ─► the same for journals whose main process is gone
//
// A worker is the program itself, started again as "demo --worker SCENARIO/ROLE": the program's main function and every
// TestMain whose tests call Start begin with
//
//	if code, ok := demo.Worker(os.Args); ok {
//		os.Exit(code)
//	}
//
// Every worker watches the lifeline, a pipe whose only write end the main process holds: when that process ends,
// however it ends, the workers end too. What outlives processes (System V objects, FIFOs, socket paths) stands in the
// journal, with enough identity to tell it from anything that has taken its number or name since.
package demo
