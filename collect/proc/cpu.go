package proc

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// cpuMeter remembers the CPU times of the last tick.
type cpuMeter struct {
	taken time.Time
	last  map[cpuKey]uint64 // clock ticks
}

type cpuKey struct {
	pid   int
	start uint64
}

// measure returns the percent of one CPU by pid since the last tick. A process that was not there in the last tick is
// missing.
func (c *cpuMeter) measure(now time.Time, procs []*Process) map[int]float64 {
	span := now.Sub(c.taken).Seconds()
	next := make(map[cpuKey]uint64, len(procs))
	var use map[int]float64
	if c.last != nil && span > 0 {
		use = make(map[int]float64, len(procs))
	}
	for _, p := range procs {
		key := cpuKey{p.PID, p.Start}
		ticks := p.UTime + p.STime
		next[key] = ticks
		if before, ok := c.last[key]; ok && use != nil {
			use[p.PID] = float64(ticks-before) / sys.ClockTick / span * 100
		}
	}
	c.taken, c.last = now, next
	return use
}

// CPUPercent is the process's use of one CPU since the last snapshot. In the first snapshot it is the use over the
// process's life, as in ps.
func (t *Tick) CPUPercent(p *Process) float64 {
	if use, ok := t.cpu[p.PID]; ok {
		return use
	}
	life := t.Now.Sub(t.StartTime(p.Start)).Seconds()
	if life <= 0 {
		return 0
	}
	return float64(p.UTime+p.STime) / sys.ClockTick / life * 100
}
