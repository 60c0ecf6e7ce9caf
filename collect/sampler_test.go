package collect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// sampling runs a Sampler with a clock that jumps to the next thing that waits, so that the times in these tests are
// exact.
func sampling(t *testing.T, interval time.Duration, f func(t *testing.T, s *Sampler)) {
	root := collecttest.Sample(t).Root
	synctest.Test(t, func(t *testing.T) {
		host, err := kernel.Open(root)
		if err != nil {
			t.Fatal(err)
		}
		s := NewSampler(New(host, time.Now), interval)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		f(t, s)
		cancel()
		<-done
	})
}

func wanting(kinds ...schema.Kind) Request {
	r := Request{Want: map[schema.Kind]schema.Need{}}
	for _, k := range kinds {
		r.Want[k] = 0
	}
	return r
}

// none fails if there is a snapshot.
func none(t *testing.T, s *Sampler, why string) {
	t.Helper()
	synctest.Wait()
	select {
	case snap := <-s.Snapshots():
		t.Errorf("%s, but there is a snapshot of %v", why, snap.Taken)
	default:
	}
}

func after(t *testing.T, s *Sampler, start time.Time, want time.Duration) *Snapshot {
	t.Helper()
	snap := <-s.Snapshots()
	if got := snap.Taken.Sub(start); got != want {
		t.Errorf("the snapshot came after %v, want %v", got, want)
	}
	return snap
}

func TestSamplerTakesAtAnInterval(t *testing.T) {
	sampling(t, 2*time.Second, func(t *testing.T, s *Sampler) {
		start := time.Now()
		none(t, s, "nobody asked for anything")
		s.Demand(wanting(schema.Shm))
		for _, at := range []time.Duration{0, 2 * time.Second, 4 * time.Second} {
			if snap := after(t, s, start, at); len(snap.Objects) != 1 || len(snap.Objects[schema.Shm]) != 3 {
				t.Errorf("it holds %v", snap.Objects)
			}
		}
		s.SetInterval(10 * time.Second)
		after(t, s, start, 14*time.Second)
		s.SetInterval(time.Second)
		after(t, s, start, 15*time.Second)
	})
}

func TestSamplerPauses(t *testing.T) {
	sampling(t, 2*time.Second, func(t *testing.T, s *Sampler) {
		start := time.Now()
		s.Demand(wanting(schema.Shm))
		after(t, s, start, 0)
		s.Pause(true)
		<-time.After(time.Minute) // of the test's own clock: no time passes
		none(t, s, "it is paused")
		s.Now()
		after(t, s, start, time.Minute)
		s.Demand(wanting(schema.Msg))
		if snap := after(t, s, start, time.Minute); snap.Objects[schema.Msg] == nil || snap.Objects[schema.Shm] != nil {
			t.Errorf("it holds %v, want what was asked for last", snap.Objects)
		}
		s.Pause(false)
		after(t, s, start, time.Minute+2*time.Second)
	})
}

// Who does not look gets the newest snapshot when he does.
func TestSamplerKeepsTheNewest(t *testing.T) {
	sampling(t, 2*time.Second, func(t *testing.T, s *Sampler) {
		start := time.Now()
		s.Demand(wanting(schema.Shm))
		<-time.After(time.Minute + time.Second)
		synctest.Wait()
		after(t, s, start, time.Minute)
		none(t, s, "the mailbox holds one")
	})
}

// What is asked for several times before a scan is served by one.
func TestSamplerServesManyDemandsAtOnce(t *testing.T) {
	sampling(t, time.Hour, func(t *testing.T, s *Sampler) {
		start := time.Now()
		for _, k := range []schema.Kind{schema.Msg, schema.Sem, schema.Shm} {
			s.Demand(wanting(k))
			s.Now()
		}
		synctest.Wait()
		if snap := after(t, s, start, 0); snap.Objects[schema.Shm] == nil {
			t.Errorf("it holds %v, want what was asked for last", snap.Objects)
		}
		none(t, s, "all was served")
	})
}

// A demand that comes while a scan runs is served by the next one, at once.
func TestSamplerTakesADemandDuringAScan(t *testing.T) {
	sampling(t, time.Hour, func(t *testing.T, s *Sampler) {
		var during func()
		s.collector.now = func() time.Time { // each scan asks it once
			if during != nil {
				during()
			}
			return time.Now()
		}
		during = func() { during = nil; s.Demand(wanting(schema.Msg)) }
		start := time.Now()
		s.Demand(wanting(schema.Shm))
		synctest.Wait()
		if snap := after(t, s, start, 0); snap.Objects[schema.Msg] == nil {
			t.Errorf("it holds %v, want what was asked for during the scan", snap.Objects)
		}
		none(t, s, "all was served")
	})
}

// watched fails unless there is a snapshot of what is watched that was taken then, and gives it.
func watched(t *testing.T, s *Sampler, start time.Time, want time.Duration) *Snapshot {
	t.Helper()
	snap := <-s.Watched()
	if got := snap.Taken.Sub(start); got != want {
		t.Errorf("it looked after %v, want %v", got, want)
	}
	return snap
}

// looksAtWaits are the threads that a look has, and what it says of them.
type looksAtWaits struct {
	rows     int
	findings []string
	pending  bool
}

func sameLooks(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(looksAtWaits{})); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func waitsIn(s *Snapshot) looksAtWaits {
	l := looksAtWaits{rows: len(s.Objects[schema.Wait]), pending: s.Pending}
	for _, f := range s.Findings {
		l.findings = append(l.findings, f.Kind)
	}
	return l
}

// The sample machine has a pipe whose reader is stopped. A second look, soon after the first, confirms it; later ones
// need no second.
func TestSamplerWatches(t *testing.T) {
	waits := wanting(schema.Wait)
	waits.Findings = true
	sampling(t, time.Minute, func(t *testing.T, s *Sampler) {
		start := time.Now()
		s.Watch(waits, 10*time.Second)
		synctest.Wait()
		if len(s.Watched()) != 0 {
			t.Error("it looks before anything was demanded")
		}
		s.Demand(wanting(schema.Shm))
		after(t, s, start, 0)
		sameLooks(t, "the first look", looksAtWaits{rows: 2, pending: true}, waitsIn(watched(t, s, start, 0)))
		for _, at := range []time.Duration{ConfirmAfter, ConfirmAfter + 10*time.Second, ConfirmAfter + 20*time.Second} {
			sameLooks(t, "a later look", looksAtWaits{rows: 2, findings: []string{"stopped"}}, waitsIn(watched(t, s, start, at)))
		}
		none(t, s, "looking is no refresh")
		s.Pause(true)
		<-time.After(time.Minute)
		synctest.Wait()
		if len(s.Watched()) != 0 {
			t.Error("it looks while paused")
		}
	})
}

// A table of waits is all that is watched: nothing looks a second time, save to confirm it.
func TestSamplerWatchesByWhatIsDemanded(t *testing.T) {
	waits := wanting(schema.Wait)
	waits.Findings = true
	sampling(t, 2*time.Second, func(t *testing.T, s *Sampler) {
		start := time.Now()
		s.Watch(waits, 10*time.Second)
		s.Demand(waits)
		sameLooks(t, "the first", looksAtWaits{rows: 2, pending: true}, waitsIn(watched(t, s, start, 0)))
		sameLooks(t, "the second", looksAtWaits{rows: 2, findings: []string{"stopped"}},
			waitsIn(watched(t, s, start, ConfirmAfter)))
		for _, at := range []time.Duration{2 * time.Second, 4 * time.Second, 6 * time.Second} {
			sameLooks(t, "demanded", looksAtWaits{rows: 2, findings: []string{"stopped"}}, waitsIn(watched(t, s, start, at)))
		}
	})
}

// Looking takes a fiftieth of the time at most, and a twentieth while there is a critical finding, which may be over
// soon.
func TestSamplerLooksSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l watchTimes
		start := time.Now()
		var got []time.Duration
		deadlock, stopped := []schema.Finding{{Severity: schema.Critical}}, []schema.Finding{{Severity: schema.Warning}}
		for _, s := range []Snapshot{{Total: time.Millisecond}, {Total: time.Second}, {Total: time.Second, Pending: true},
			{Total: time.Second, Pending: true},
			{Total: time.Millisecond, Findings: deadlock}, {Total: time.Second, Findings: deadlock},
			{Total: time.Millisecond, Findings: stopped}} {
			l.took(&s, 10*time.Second)
			got = append(got, l.next.Sub(start))
		}
		sameLooks(t, "the next look", []time.Duration{10 * time.Second, 50 * time.Second, ConfirmAfter, 50 * time.Second,
			alarmEvery, 20 * time.Second, 10 * time.Second}, got)
	})
}

// What was seen before stands for the first of two samples, whatever was looked at in between.
func TestConfirmedAcrossOtherSnapshots(t *testing.T) {
	host, err := kernel.Open(collecttest.Sample(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	c := New(host, time.Now)
	waits := wanting(schema.Wait)
	waits.Findings = true
	sameLooks(t, "the first", looksAtWaits{rows: 2, pending: true}, waitsIn(c.Take(waits)))
	sameLooks(t, "another tab", looksAtWaits{}, waitsIn(c.Take(wanting(schema.Shm))))
	sameLooks(t, "the second", looksAtWaits{rows: 2, findings: []string{"stopped"}}, waitsIn(c.Take(waits)))
}
