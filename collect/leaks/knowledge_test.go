package leaks

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
)

// The reason about a process's start is true, though the kernel rounds the moments down.
func TestStartReason(t *testing.T) {
	boot := time.Unix(1e9, 0)
	l := &tick{Tick: &proc.Tick{Boot: boot}}
	got := map[time.Duration]string{}
	for _, after := range []time.Duration{-time.Second, 0, time.Second, 2 * time.Second} {
		start := uint64((time.Minute + after) * sys.ClockTick / time.Second)
		p := &proc.Process{ProcStat: process.ProcStat{Start: start}}
		got[after] = l.startReason(p, boot.Add(time.Minute))
	}
	want := map[time.Duration]string{
		-time.Second: "started before its last use", 0: "started before its last use",
		time.Second:     "started at about the time of its last use",
		2 * time.Second: "may have started before its last use: the clock was set since",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
