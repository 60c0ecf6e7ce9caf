package main

import (
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/collecttest"
)

// If nothing is stuck, a note says so below an empty table, and below a table of slow waits. The formats for scripts
// have only the rows.
func TestWaitsSaysThatNothingIsStuck(t *testing.T) {
	t.Parallel()
	const note = "ipctop: note: nothing of what could be seen is stuck\n"
	m := collecttest.New(t)
	m.Process(collecttest.Process{PID: 1, Comm: "init"})
	for _, c := range []struct {
		args []string
		want bool
	}{{[]string{"waits"}, true}, {[]string{"--once", "waits"}, true}, {[]string{"waits", "-o", "json"}, false},
		{[]string{"waits", "--where", "true"}, false}, {[]string{"--once", "pipe"}, false}} {
		if got := ipctop(append(c.args, "--root", m.Root)...); strings.Contains(got.Stderr, note) != c.want ||
			got.Code != 0 {
			t.Errorf("%v: %+v", c.args, got)
		}
	}
	if got := ipctop("waits", "--root", collecttest.Sample(t).Root); strings.Contains(got.Stderr, note) ||
		!strings.Contains(got.Stdout, "stopped") {
		t.Errorf("%+v", got)
	}
}

// waits accepts every example of its help.
func TestExampleOfWhere(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	cmd := newWaitsCmd()
	_, example, _ := strings.Cut(cmd.Flags().Lookup("where").Usage, ": ")
	_, order, _ := strings.Cut(cmd.Flags().Lookup("sort").Usage, ": ")
	if got := ipctop("waits", "--root", m.Root, "--where", strings.Trim(example, "'"), "--sort",
		strings.Trim(order, `"`)); got.Code != 0 || !strings.HasPrefix(got.Stdout, "REF ") {
		t.Errorf("--where %s --sort %s: %+v", example, order, got)
	}
}

// The help of each of the two short commands explains its own exit code.
func TestHelpOfExitCode(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{"waits": "exit 1 if something is or may be stuck or, with --where, " +
		"if there were rows", "leaks": "exit 1 if there are orphans or, with --where, if there were rows"} {
		if got := ipctop(command, "--help"); !strings.Contains(got.Stdout, want) {
			t.Errorf("%s: %s", command, got.Stdout)
		}
	}
}
