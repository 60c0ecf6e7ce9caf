// Package demo makes real IPC objects in worker processes, to look at and to test with. It also removes them again.
//
//	Start ─► journal ─► per scenario: workers ─► "ready" ─► the state is read back from /proc ─► Objects
//	          ▲                          │ announce what they will make, then record what they made
//	          └──────────────────────────┘
//	Stop  ─► lifeline closed ─► workers end ─► what the journal still names is removed ─► journal removed
//	Clean ─► the same for journals whose main process is gone
//
// A worker is the program itself, started again as "demo --worker SCENARIO/ROLE". The program's main function begins
// with these lines, and so does every TestMain whose tests call Start:
//
//	if code, ok := demo.Worker(os.Args); ok {
//		os.Exit(code)
//	}
//
// Every worker watches the lifeline. This is a pipe whose only write end the main process holds. However the main
// process ends, the workers then end too. Some objects outlive processes: System V objects, FIFOs, socket paths. The
// journal records their full identity. So a clean-up can tell them from later objects with the same number or name.
package demo
