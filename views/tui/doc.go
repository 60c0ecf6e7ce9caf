// Package tui is the dashboard.
//
//	collector ─► Snapshot ─► pump (one goroutine, QueueUpdateDraw) ─► UI goroutine: app.take ─► tab.arrange ─► draw
//	key ─► the top room's keymap ─► handler changes screen state ─► reaction (rearrange, demand, quit) ─► draw
//
// A room can have the keyboard: the table of a tab, an object's page, a menu, a prompt or a plan. Rooms stand on a
// stack. A room declares each key once, as a binding; dispatch, footer and help read the bindings. Handlers never draw.
//
// Screen state belongs to the UI goroutine. A Snapshot is immutable, so this package needs no lock.
package tui
