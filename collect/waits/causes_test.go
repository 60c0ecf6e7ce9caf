package waits

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// row is a thread in the forest. on is the kind of the object that it waits for; "": it does not wait.
func row(comm string, parent int, on schema.Kind, doing string) Row {
	r := Row{background: true}
	r.Task, r.Parent = &relate.Task{Comm: comm, Doing: doing}, parent
	if on != "" {
		r.Task.Activity, r.on = relate.Waiting, []schema.Ref{{Kind: on}}
	}
	return r
}

func shown(rows []Row) (names []string) {
	showCauses(rows)
	for i := range rows {
		if !rows[i].background {
			names = append(names, rows[i].Task.Comm)
		}
	}
	return names
}

// A client waits for a server. The server is idle: it waits for its parent, which waits for a shell.
func TestAnIdleShellIsNoCause(t *testing.T) {
	forest := func(shell string) []Row {
		server := row("server", 2, schema.Pipe, "")
		server.serves = true
		return []Row{row("shell", -1, "", shell), row("watcher", 0, schema.Proc, ""), row("parent", 1, schema.Proc, ""),
			server, row("client", 3, schema.Pipe, "")}
	}
	for doing, want := range map[string][]string{
		"sleeps in read": {"server", "client"},
		"runs":           {"shell", "watcher", "parent", "server", "client"},
	} {
		if diff := gocmp.Diff(want, shown(forest(doing))); diff != "" {
			t.Errorf("a shell that %s (-want +got):\n%s", doing, diff)
		}
	}
}
