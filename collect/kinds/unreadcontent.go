package kinds

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// unreadContent counts the objects that exist and whose content could not be read.
type unreadContent struct {
	n     int
	first error
}

func (u *unreadContent) add(err error) {
	if err == nil {
		return
	}
	if u.n++; u.first == nil {
		u.first = err
	}
}

// report makes one fault of them. what has the verb %d for their number.
func (u *unreadContent) report(t *proc.Tick, kind schema.Kind, what string) {
	if u.n > 0 {
		t.AddFault(schema.Fault{Source: string(kind), Count: u.n, Failed: true,
			Says: fmt.Sprintf(what+" could not be read: %v", u.n, u.first)})
	}
}
