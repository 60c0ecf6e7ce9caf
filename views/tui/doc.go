// Package tui is the dashboard.
//
//	collector ─► Snapshot ─► pump (one goroutine, QueueUpdateDraw) ─► UI goroutine: app.take ─► tab.arrange ─► draw
//	key ─► the top room's keymap ─► handler changes screen state ─► reaction (rearrange, demand, quit) ─► draw
//
// Rooms are what can have the keyboard: the table of a tab, an object's page, a menu, a prompt, a plan. They stand on
// a stack. A room declares its keys once, as bindings; dispatch, the footer and the help all read those. Handlers
// never draw.
//
// Screen state belongs to the UI goroutine. A Snapshot is immutable, so nothing here takes a lock.
package tui
