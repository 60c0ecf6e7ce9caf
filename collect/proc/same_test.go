package proc

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestSame(t *testing.T) {
	m := collecttest.New(t)
	m.Process(collecttest.Process{PID: 5, Comm: "now", Start: 1000})
	host, err := kernel.Open(m.Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pid, start uint64
		want       error
	}{{5, 1000, nil}, {5, 999, ErrReused}, {6, 1000, fs.ErrNotExist}} {
		r := schema.Ref{Kind: schema.Proc, ID: c.pid, Gen: c.start}
		stat, err := Same(host, r)
		if !errors.Is(err, c.want) || err == nil && RefOf(&stat) != r {
			t.Errorf("%+v: %+v, %v, want %v", r, stat, err, c.want)
		}
	}
}

func TestStateSince(t *testing.T) {
	m := collecttest.New(t)
	m.Process(collecttest.Process{PID: 5, Comm: "now", Start: 1000 * sys.ClockTick})
	m.Process(collecttest.Process{PID: 6, Comm: "ended", State: 'Z', Start: 1000 * sys.ClockTick})
	host, err := kernel.Open(m.Root)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := bootTime(host)
	if err != nil || boot.IsZero() {
		t.Fatal(boot, err)
	}
	for _, c := range []struct {
		pid   int
		after int64 // seconds since the boot
		want  string
	}{
		{5, 1000, CreatorAlive}, {5, 900, CreatorReused}, {5, -2, CreatorUnknown}, {6, 1000, CreatorDead},
		{7, 1000, CreatorDead},
	} {
		if _, got := StateSince(host, c.pid, boot.Unix()+c.after); got != c.want {
			t.Errorf("pid %d, %d seconds after the boot: %s, want %s", c.pid, c.after, got, c.want)
		}
	}
}
