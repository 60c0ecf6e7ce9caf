package main

import (
	"testing"

	"github.com/ipctop/ipctop/collect/collecttest"
)

// An object without a verdict may be an orphan: --exit-code is 3 then, and stderr says why. With --where only those
// count that it would choose as orphans.
func TestWhatCannotBeJudgedIsNotWell(t *testing.T) {
	t.Parallel()
	m := collecttest.New(t)
	m.Process(collecttest.Process{PID: 1, Comm: "init"})
	// Their last use lies before the start of the machine.
	m.SysV("shm", "4660 1 600 4096 77 77 0 0 0 0 0 10 20 10 0 0", "4661 2 600 4096 77 77 0 0 0 0 0 10 20 10 0 0")
	const blind = "ipctop: 2 objects could not be judged: its last use lies before the start of the machine: " +
		"whether a process is older cannot be told (2)\n"
	for _, c := range []struct {
		where []string
		code  int
		says  string
	}{
		{nil, exitPartly, blind},
		{[]string{"--where", `verdict == "orphan"`}, exitPartly, blind},
		{[]string{"--where", `verdict == "orphan" and owner == "nobody-has-this-name"`}, 0, ""},
		{[]string{"--where", `verdict == "unknown"`}, exitFailed, ""},
	} {
		args := append([]string{"leaks", "shm", "--exit-code", "--root", m.Root}, c.where...)
		if got := ipctop(args...); got.Code != c.code || got.Stderr != c.says {
			t.Errorf("ipctop %q: exit code %d, want %d\n%s", args, got.Code, c.code, got.Stderr)
		}
	}
	if got := ipctop("leaks", "shm", "--root", m.Root); got.Code != 0 || got.Stderr != "" {
		t.Errorf("without --exit-code: exit code %d\n%s", got.Code, got.Stderr)
	}
}
