package proc

import (
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestCreatorState(t *testing.T) {
	host, err := kernel.Open(collecttest.New(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	boot := time.Unix(1_000_000, 0)
	f := &Tick{Host: host, Boot: boot, byPID: map[int]*Process{
		5: {ProcStat: process.ProcStat{PID: 5, State: 'S', Start: 100 * sys.ClockTick}},
		6: {ProcStat: process.ProcStat{PID: 6, State: 'Z', Start: 100 * sys.ClockTick}},
		7: {ProcStat: process.ProcStat{PID: 7, State: 'S', Start: 100*sys.ClockTick + 1}},
	}}
	for _, c := range []struct {
		pid   int
		after int64 // seconds since the boot
		want  string
	}{
		{0, 100, CreatorOutside}, {4, 100, CreatorDead}, {5, 100, CreatorAlive}, {5, 99, CreatorAlive},
		{5, 98, CreatorReused},
		{5, -2, CreatorUnknown}, // no process outlives a boot: the clock was set
		{6, 100, CreatorDead},
		// the object is made in the timer tick of the start, which is less than a timer tick after a full second
		{7, 99, CreatorAlive},
		{7, 98, CreatorReused},
	} {
		if got := f.CreatorState(c.pid, boot.Unix()+c.after); got != c.want {
			t.Errorf("pid %d, %d seconds after the boot: %s, want %s", c.pid, c.after, got, c.want)
		}
	}
}
