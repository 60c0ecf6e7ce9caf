package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

func newTestDirect(t *testing.T, readOnly bool) *Direct {
	m := live(t)
	return NewDirect(m.host, func() *Journal { return m.journal }, readOnly)
}

// Direct keeps each removed object in the journal. A journal that cannot be written stops no removal.
func TestDirectRemovalsAreJournalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		id, err := m.admin.MsgGet(0x5150, sysv.IPCCreat|0o640)
		m.ok(err)
		d := NewDirect(m.host, func() *Journal { return m.journal }, false)
		m.ok(d.Remove(schema.Msg, id))
		if err := d.Remove(schema.Msg, id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("removed twice: %v", err)
		}
		var got []string
		for _, l := range m.journalled() {
			got = append(got, fmt.Sprintf("%s %s %s %v", l["event"], l["ref"], l["equivalent"],
				l["object"].(map[string]any)["key"]))
		}
		want := []string{fmt.Sprintf("done msg:%d ipcrm -q %d 0x00005150", id, id)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		other, err := m.admin.MsgGet(0x5151, sysv.IPCCreat|0o640)
		m.ok(err)
		nowhere := NewJournal(m.host, nil, func(string) string { return "/dev/null" }, time.Now)
		m.ok(NewDirect(m.host, func() *Journal { return nowhere }, false).Remove(schema.Msg, other))
	})
}

// Create never takes over a key of another object: it draws the next key.
func TestDirectCreatesNewObjects(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		d := newTestDirect(t, false)
		for _, kind := range []schema.Kind{schema.Msg, schema.Sem, schema.Shm} {
			keys := []uint32{7, 7, 7, 8}
			draw := func() uint32 {
				key := keys[0]
				keys = keys[1:]
				return key
			}
			first, err := d.Create(kind, 1, 0o600, draw)
			if err != nil {
				t.Fatal(err)
			}
			second, err := d.Create(kind, 1, 0o600, draw)
			if err != nil || second == first || len(keys) != 0 {
				t.Errorf("%s: id %d after %d, %v; %d keys left", kind, second, first, err, len(keys))
			}
			found := map[uint32]int{}
			for _, key := range []uint32{7, 8} {
				if found[key], err = d.Find(kind, key); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(map[uint32]int{7: first, 8: second}, found); diff != "" {
				t.Errorf("%s: %s", kind, diff)
			}
			if err := d.Remove(kind, first); err != nil {
				t.Error(err)
			}
			if err := d.Remove(kind, first); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s removed twice: %v", kind, err)
			}
		}
		if _, err := d.Find(schema.Pipe, 7); err == nil {
			t.Error("found a pipe by its key")
		}
	})
}

func TestReadOnlyDirect(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		d := newTestDirect(t, true)
		id, err := kernel.NewAdmin().MsgGet(7, sysv.IPCCreat|0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, made := d.Create(schema.Msg, 0, 0o600, func() uint32 { return 8 })
		for what, err := range map[string]error{
			"remove": d.Remove(schema.Msg, id), "create": made,
			"shm": d.CreatePosixShm("x", 1, 0o600), "sem": d.CreatePosixSem("x", 0o600),
			"mq":     d.CreatePosixMsg("/x", 0o600),
			"rm shm": d.RemovePosixShm("x"), "rm sem": d.RemovePosixSem("x"), "rm mq": d.RemovePosixMsg("/x"),
		} {
			if !errors.Is(err, ErrReadOnly) {
				t.Errorf("%s: %v, want ErrReadOnly", what, err)
			}
		}
		if found, err := d.Find(schema.Msg, 7); found != id || err != nil {
			t.Errorf("the queue is %d (%v), want %d", found, err, id)
		}
	})
}
