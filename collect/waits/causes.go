package waits

import (
	"strings"

	"github.com/ipctop/ipctop/collect/relate"
)

// sleepsIn begins what a thread does that sleeps in a call and waits for nobody here: a shell that reads its terminal,
// a client of the network.
const sleepsIn = "sleeps in "

// showCauses takes the rows that a person wants to see out of the background. These are the rows that are worth
// showing, and their causes. A parent is before its children in the list.
//
// The direct cause of such a row is always shown. It may wait itself as usual: a server for any request, a program for
// the end of its command. Such a wait is the end of the tree if it leads only to a thread that sleeps: a shell at its
// terminal, which a program watches by a pidfd, is the cause of nothing. A cause that runs is shown with all rows
// between.
func showCauses(rows []Row) {
	idle := make([]bool, len(rows)) // of a row: the root of its tree only sleeps
	for i := range rows {
		switch r := &rows[i]; {
		case r.Parent >= 0:
			idle[i] = idle[r.Parent]
		default:
			idle[i] = r.Task.Activity != relate.Waiting && strings.HasPrefix(r.Task.Doing, sleepsIn)
		}
	}
	for i := len(rows) - 1; i >= 0; i-- {
		r := &rows[i]
		worth := r.worthShowing()
		if worth {
			r.background = false
		}
		if p := r.Parent; p >= 0 && !r.background && (worth || !idle[i]) {
			rows[p].background = false
		}
	}
}
