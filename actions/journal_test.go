package actions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// journalled returns the lines of the journal without their times.
func (m *machine) journalled() []map[string]any {
	m.t.Helper()
	text, err := os.ReadFile(m.journalPath())
	m.ok(err)
	var lines []map[string]any
	for line := range bytes.Lines(text) {
		var l map[string]any
		m.ok(json.Unmarshal(line, &l))
		delete(l, "time")
		delete(l, "plan_id")
		delete(l, "saved")
		delete(l, "login_uid")
		lines = append(lines, l)
	}
	return lines
}

func TestTheJournalHoldsIntentAndResult(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.shm(0x1234, 8192)
		seg, err := m.host.ShmStat(int(r.ID))
		m.ok(err)
		p := m.removal(r)
		plan := p.Lines()
		m.run(p)
		got := m.journalled()
		ns, err := m.host.SelfNamespace("ipc")
		m.ok(err)
		boot, err := m.host.ReadFile("/proc/sys/kernel/random/boot_id")
		m.ok(err)
		base := func(event string) map[string]any {
			id := float64(os.Getuid())
			return map[string]any{
				"event": event, "step": 1.0, "ref": r.String(), "equivalent": fmt.Sprintf("ipcrm -m %d", r.ID),
				"user": ownName(), "uid": id, "sudo_user": "carol", "pid": float64(os.Getpid()),
				"boot_id": string(bytes.TrimSpace(boot)), "ipc_namespace": float64(ns),
				"command": []any{"ipctop", "rm", "…"},
				"object": map[string]any{
					"id": float64(r.ID), "key": "0x00001234", "uid": id, "gid": float64(os.Getgid()), "cuid": id,
					"cgid": float64(os.Getgid()), "mode": "0600",
					"size": 8192.0, "cpid": float64(os.Getpid()), "nattch": 0.0, "lpid": 0.0, "atime": nil,
					"dtime": nil,
					"ctime": moment(seg.CTime).String(),
				},
			}
		}
		intent, done := base("intent"), base("done")
		intent["plan"] = []any{plan[0], plan[1], plan[2], plan[3], plan[4]}
		intent["steps"] = 1.0
		done["says"] = "removed"
		if diff := cmp.Diff([]map[string]any{intent, done}, got); diff != "" {
			t.Error(diff)
		}
		for path, want := range map[string]fs.FileMode{m.journalPath(): 0o600, filepath.Dir(m.journalPath()): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, want)
			}
		}
	})
}

func TestWithoutAJournalNothingIsDone(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		for name, spoil := range map[string]func(path string) error{
			"a link":      func(path string) error { return os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), path) },
			"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		} {
			m := live(t)
			m.ok(os.MkdirAll(filepath.Dir(m.journalPath()), 0o700))
			m.ok(spoil(m.journalPath()))
			r := m.shm(sysv.KeyPrivate, 1)
			err := m.removal(r).Run(context.Background(),
				func(r Result) { t.Errorf("with %s as journal: %v", name, r) })
			if err == nil {
				t.Errorf("with %s as journal: no error", name)
			}
			if _, err := m.host.ShmStat(int(r.ID)); err != nil {
				t.Errorf("with %s as journal the segment is gone: %v", name, err)
			}
		}
	})
}

func TestJournalPath(t *testing.T) {
	own := t.TempDir()
	env := func(pairs map[string]string) func(string) string { return func(k string) string { return pairs[k] } }
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"XDG_STATE_HOME": "/x/state"}, "/x/state/ipctop/journal.jsonl"},
		{map[string]string{"HOME": own}, own + "/.local/state/ipctop/journal.jsonl"},
		{map[string]string{"HOME": own, "XDG_STATE_HOME": "relative"}, own + "/.local/state/ipctop/journal.jsonl"},
	} {
		if got, err := JournalPath(env(c.env)); err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", c.env, got, err, c.want)
		}
	}
	// The user owns no such directory, so this home is not used.
	if got, err := JournalPath(env(map[string]string{"HOME": "/nonexistent/home"})); err == nil &&
		filepath.Dir(got) == "/nonexistent/home/.local/state/ipctop" {
		t.Errorf("a HOME that is not ours: %q", got)
	}
}

func TestAnInterruptedRunRefusesTheRest(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		a, b := m.shm(sysv.KeyPrivate, 1), m.shm(sysv.KeyPrivate, 1)
		ctx, cancel := context.WithCancel(context.Background())
		var got []string
		m.ok(m.removal(a, b).Run(ctx, func(r Result) {
			cancel()
			got = append(got, string(r.Outcome)+" "+r.String())
		}))
		want := []string{"done " + a.String() + ": removed", "refused " + b.String() + ": not done: interrupted"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if _, err := m.host.ShmStat(int(b.ID)); errors.Is(err, fs.ErrNotExist) {
			t.Error("removed after the interruption")
		}
	})
}
