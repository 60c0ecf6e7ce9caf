package proc

import (
	"errors"
	"fmt"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// The kernel uses pids again. Two facts tell two processes of one pid apart: the start time, where somebody noted it
// (Same), and the moment of a deed, where the kernel noted the pid alone (StateSince).

// ErrReused is why a Ref's process is not read: another process has its pid.
var ErrReused = errors.New("it has ended, and its pid belongs to another process now")

// StatOf reads /proc/PID/stat. fs.ErrNotExist: there is no such process.
func StatOf(host *kernel.Host, pid int) (process.ProcStat, error) {
	dir, err := host.OpenProc(pid)
	if err != nil {
		return process.ProcStat{}, err
	}
	defer dir.Close()
	text, err := dir.Read("stat", nil)
	if err != nil {
		return process.ProcStat{}, err
	}
	stat, err := process.ParseProcStat(text)
	if err != nil {
		return process.ProcStat{}, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
	}
	return stat, nil
}

// Same reads the process that a Ref names. ErrReused: its pid belongs to another one. fs.ErrNotExist: it has ended.
func Same(host *kernel.Host, r schema.Ref) (process.ProcStat, error) {
	stat, err := StatOf(host, int(r.ID))
	if err == nil && RefOf(&stat) != r {
		return process.ProcStat{}, ErrReused
	}
	return stat, err
}

// RefOf is a process as an object.
func RefOf(stat *process.ProcStat) schema.Ref {
	return schema.Ref{Kind: schema.Proc, ID: uint64(stat.PID), Gen: stat.Start}
}

// StateSince reads /proc of the live machine for what became of the process pid that did something at the moment sec
// (Unix seconds, truncated by the kernel), in the words of creator_state. A process that cannot be read counts as dead.
func StateSince(host *kernel.Host, pid int, sec int64) (process.ProcStat, string) {
	stat, err := StatOf(host, pid)
	if err != nil {
		return process.ProcStat{}, CreatorDead
	}
	boot, err := bootTime(host)
	if err != nil {
		boot = time.Time{}
	}
	return stat, stateSince(&stat, boot, sec)
}

// stateSince says whether the process that has a pid now had the pid at the moment sec. A process that StartedAfter
// the moment is another one. A moment before the boot shows that the clock was set since, on a machine without a
// battery for example: then the two times do not compare.
func stateSince(stat *process.ProcStat, boot time.Time, sec int64) string {
	switch {
	case ended(stat): // it uses nothing any more
		return CreatorDead
	case boot.IsZero() || time.Unix(sec+1, 0).Before(boot):
		return CreatorUnknown
	case StartedAfter(startTime(boot, stat.Start), sec):
		return CreatorReused
	}
	return CreatorAlive
}

// ended says whether no thread of the process is left. The first one may end before the others, and is a zombie
// until they do.
func ended(stat *process.ProcStat) bool {
	return (stat.State == 'Z' || stat.State == 'X') && stat.Threads <= 1
}

// startTime turns a start in clock ticks since boot into a moment.
func startTime(boot time.Time, ticks uint64) time.Time {
	return boot.Add(time.Duration(ticks) * (time.Second / sys.ClockTick))
}
