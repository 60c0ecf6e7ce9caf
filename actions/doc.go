// Package actions makes and runs plans: the only way in which ipctop changes the machine.
//
//	Verbs: the deeds, their kinds and their options; commands and keys come from this list
//	Planner.Remove, Planner.Signal ─► Plan: the steps, the processes affected, and the refusals. Nothing is done yet.
//	                 Plan.Lines    ─► the text of the dialog, of --dry-run and of the journal
//	                 Plan.Run      ─► per step: journal the intent, read the object again, do it, journal the result
//
// The kernel has no compare-and-remove. Another process can start to use an object between the last look and the
// removal. This window is two system calls wide, and cannot be closed. A signal has no such window: a pidfd stays with
// the process whose start time was compared.
package actions
