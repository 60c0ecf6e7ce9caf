// Package actions makes and runs plans: the only way in which ipctop changes the machine.
//
//	Verbs: the deeds, their kinds and their options; commands and keys come from this list
//	Planner.Remove, Signal, Set, Close, Undo ─► Plan: the steps, the processes affected, the refusals. Nothing is
//	                                            done yet. The plan holds its processes open until Plan.Close.
//	Plan.Lines ─► the text of the dialog, of --dry-run and of the journal
//	Plan.Run   ─► all intents into the journal; each reason asked again (Plan.Because)
//	              per step: save what the deed takes away (wayBack), read the object again, compare it (guarded), do
//	              the deed, journal the result
//
// The kernel has no compare-and-remove. Another process can start to use an object between the last look and the
// removal. This window is two system calls wide, and cannot be closed. A signal has no such window: the plan holds the
// process itself.
package actions
