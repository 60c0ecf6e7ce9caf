// Package actions makes and runs plans: the only way in which ipctop changes the machine.
//
//	Verbs: what can be done, to which kinds, and what has to be said for it; commands and keys come from there
//	Planner.Remove, Planner.Signal ─► Plan: what would happen, to whom, and what is refused. Nothing is done yet.
//	                 Plan.Lines    ─► the one text that the dialog, --dry-run and the journal share
//	                 Plan.Run      ─► per step: journal the intent, read the object again, do it, journal the result
//
// The kernel has no compare-and-remove: between the last look at an object and its removal another process can still
// get in. The window is two system calls wide, and cannot be closed. For processes there is none: a pidfd stays with
// the process whose start time was compared.
package actions
