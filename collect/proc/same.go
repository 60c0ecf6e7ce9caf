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

// The kernel uses pids again. Two facts tell two processes with the same pid apart. One is the start time, if it was
// recorded (Same). The other is the time of an action, if the kernel recorded only the pid (StateSince).

// ErrReused means that another process has the pid of a Ref.
var ErrReused = errors.New("it has ended, and its pid belongs to another process now")

// StatOf reads /proc/PID/stat. If only the first thread has ended, the state is of a thread that lives. If there is no
// such process, sys.Gone holds for the error.
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
	return StatFrom(dir, text)
}

// StatFrom is StatOf for an open directory and its text of stat.
func StatFrom(dir process.Dir, text []byte) (process.ProcStat, error) {
	stat, err := process.ParseProcStat(text)
	if err != nil {
		return process.ProcStat{}, fmt.Errorf("read /proc/%d/stat: %w", dir.PID, err)
	}
	livingThread(dir, &stat)
	return stat, nil
}

// Same reads the process of a Ref. The error is ErrReused if another process has its pid. If the process has ended,
// sys.Gone holds for the error.
func Same(host *kernel.Host, r schema.Ref) (process.ProcStat, error) {
	stat, err := StatOf(host, int(r.ID))
	if err == nil && RefOf(&stat) != r {
		return process.ProcStat{}, ErrReused
	}
	return stat, err
}

// RefOf names a process as an object, by pid and start time.
func RefOf(stat *process.ProcStat) schema.Ref {
	return schema.Ref{Kind: schema.Proc, ID: uint64(stat.PID), Gen: stat.Start}
}

// StateSince tells the state of the process pid that did something at sec (Unix seconds, cut by the kernel). The
// state is a word of creator_state. pid is a number of the caller's own pid namespace; /proc may show the process
// under another number. The stat has the pid alone if /proc does not
// show the process.
func StateSince(host *kernel.Host, pid int, sec int64) (process.ProcStat, string) {
	shown := pid
	if host.Live() && process.ForeignPIDs() {
		var ok bool
		if shown, ok = process.ShownPID(pid); !ok {
			return process.ProcStat{PID: pid}, hiddenState(host, pid)
		}
	}
	stat, err := StatOf(host, shown)
	if err != nil {
		return process.ProcStat{PID: pid}, hiddenState(host, pid)
	}
	boot, err := bootTime(host)
	if err != nil {
		boot = time.Time{}
	}
	return stat, stateSince(&stat, boot, sec)
}

// hiddenState is the state of a process that /proc does not show: hidepid may hide it, and then kill(2) still knows it.
func hiddenState(host *kernel.Host, pid int) string {
	if host.Live() && process.ProcessExists(pid) {
		return CreatorUnknown
	}
	return CreatorDead
}

// stateSince tells whether the process with a pid had that pid at sec already. A process that started after sec is
// another process. If sec is before the boot, somebody has set the clock since, as on a machine without a battery.
// The two times are then not comparable.
func stateSince(stat *process.ProcStat, boot time.Time, sec int64) string {
	switch {
	case ended(stat): // a zombie uses no object any more
		return CreatorDead
	case boot.IsZero() || time.Unix(sec+1, 0).Before(boot):
		return CreatorUnknown
	case StartedAfter(startTime(boot, stat.Start), sec):
		return CreatorReused
	}
	return CreatorAlive
}

// startTime turns a start in clock ticks since boot into a time.
func startTime(boot time.Time, ticks uint64) time.Time {
	return boot.Add(time.Duration(ticks) * (time.Second / sys.ClockTick))
}
