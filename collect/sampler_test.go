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

// sampling runs a Sampler with a clock that jumps to the next event. So the times in these tests are exact.
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

// noSnapshot fails if there is a snapshot.
func noSnapshot(t *testing.T, s *Sampler, why string) {
	t.Helper()
	synctest.Wait()
	select {
	case snap := <-s.Snapshots():
		t.Errorf("%s, but there is a snapshot of %v", why, snap.Taken)
	default:
	}
}

// takenAfter reads a mailbox, and fails unless the snapshot was taken at that time after start.
func takenAfter(t *testing.T, mailbox <-chan *Snapshot, start time.Time, want time.Duration) *Snapshot {
	t.Helper()
	snap := <-mailbox
	if got := snap.Taken.Sub(start); got != want {
		t.Errorf("the snapshot was taken after %v, want %v", got, want)
	}
	return snap
}

func TestSamplerTakesAtAnInterval(t *testing.T) {
	sampling(t, 2*time.Second, func(t *testing.T, s *Sampler) {
		start := time.Now()
		noSnapshot(t, s, "nobody asked for anything")
		s.Demand(wanting(schema.Shm))
		for _, at := range []time.Duration{0, 2 * time.Second, 4 * time.Second} {
			if snap := takenAfter(t, s.Snapshots(), start, at); len(snap.Objects) != 1 ||
				len(snap.Objects[schema.Shm]) != 3 {
				t.Errorf("it holds %v", snap.Objects)
			}
		}
		s.SetInterval(10 * time.Second)
		takenAfter(t, s.Snapshots(), start, 14*time.Second)
		s.SetInterval(time.Second)
		takenAfter(t, s.Snapshots(), start, 15*time.Second)
	})
}

func TestSamplerPauses(t *testing.T) {
	sampling(t, 2*time.Second, func(t *testing.T, s *Sampler) {
		start := time.Now()
		s.Demand(wanting(schema.Shm))
		takenAfter(t, s.Snapshots(), start, 0)
		s.Pause(true)
		<-time.After(time.Minute) // on the clock of the test, so no real time passes
		noSnapshot(t, s, "it is paused")
		s.Now()
		takenAfter(t, s.Snapshots(), start, time.Minute)
		s.Demand(wanting(schema.Msg))
		if snap := takenAfter(t, s.Snapshots(), start, time.Minute); snap.Objects[schema.Msg] == nil ||
			snap.Objects[schema.Shm] != nil {
			t.Errorf("it holds %v, want what was asked for last", snap.Objects)
		}
		s.Pause(false)
		takenAfter(t, s.Snapshots(), start, time.Minute+2*time.Second)
	})
}

// A reader that comes late gets the newest snapshot.
func TestSamplerKeepsTheNewest(t *testing.T) {
	sampling(t, 2*time.Second, func(t *testing.T, s *Sampler) {
		start := time.Now()
		s.Demand(wanting(schema.Shm))
		<-time.After(time.Minute + time.Second)
		synctest.Wait()
		takenAfter(t, s.Snapshots(), start, time.Minute)
		noSnapshot(t, s, "the mailbox holds one")
	})
}

// Several demands before a scan are met by one scan.
func TestSamplerServesManyDemandsAtOnce(t *testing.T) {
	sampling(t, time.Hour, func(t *testing.T, s *Sampler) {
		start := time.Now()
		for _, k := range []schema.Kind{schema.Msg, schema.Sem, schema.Shm} {
			s.Demand(wanting(k))
			s.Now()
		}
		synctest.Wait()
		if snap := takenAfter(t, s.Snapshots(), start, 0); snap.Objects[schema.Shm] == nil {
			t.Errorf("it holds %v, want what was asked for last", snap.Objects)
		}
		noSnapshot(t, s, "all was served")
	})
}

// A demand that comes during a scan is met by the next scan, at once.
func TestSamplerTakesADemandDuringAScan(t *testing.T) {
	sampling(t, time.Hour, func(t *testing.T, s *Sampler) {
		var during func()
		s.collector.now = func() time.Time { // each scan reads the clock once
			if during != nil {
				during()
			}
			return time.Now()
		}
		during = func() { during = nil; s.Demand(wanting(schema.Msg)) }
		start := time.Now()
		s.Demand(wanting(schema.Shm))
		synctest.Wait()
		if snap := takenAfter(t, s.Snapshots(), start, 0); snap.Objects[schema.Msg] == nil {
			t.Errorf("it holds %v, want what was asked for during the scan", snap.Objects)
		}
		noSnapshot(t, s, "all was served")
	})
}

// looksAtWaits are the threads and the findings of a watched snapshot.
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

// The sample machine has a pipe whose reader is stopped. A second snapshot soon after the first confirms this. Later
// snapshots need no confirmation.
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
		takenAfter(t, s.Snapshots(), start, 0)
		sameLooks(t, "the first look", looksAtWaits{rows: 2, pending: true},
			waitsIn(takenAfter(t, s.Watched(), start, 0)))
		for _, at := range []time.Duration{ConfirmAfter, ConfirmAfter + 10*time.Second, ConfirmAfter + 20*time.Second} {
			sameLooks(t, "a later look", looksAtWaits{rows: 2, findings: []string{"stopped"}},
				waitsIn(takenAfter(t, s.Watched(), start, at)))
		}
		noSnapshot(t, s, "looking is no refresh")
		s.Pause(true)
		<-time.After(time.Minute)
		synctest.Wait()
		if len(s.Watched()) != 0 {
			t.Error("it looks while paused")
		}
	})
}

// The only watched snapshots come from a table of waits. The Sampler takes no additional snapshots, except to confirm.
func TestSamplerWatchesByWhatIsDemanded(t *testing.T) {
	waits := wanting(schema.Wait)
	waits.Findings = true
	sampling(t, 2*time.Second, func(t *testing.T, s *Sampler) {
		start := time.Now()
		s.Watch(waits, 10*time.Second)
		s.Demand(waits)
		sameLooks(t, "the first", looksAtWaits{rows: 2, pending: true}, waitsIn(takenAfter(t, s.Watched(), start, 0)))
		sameLooks(t, "the second", looksAtWaits{rows: 2, findings: []string{"stopped"}},
			waitsIn(takenAfter(t, s.Watched(), start, ConfirmAfter)))
		for _, at := range []time.Duration{2 * time.Second, 4 * time.Second, 6 * time.Second} {
			sameLooks(t, "demanded", looksAtWaits{rows: 2, findings: []string{"stopped"}},
				waitsIn(takenAfter(t, s.Watched(), start, at)))
		}
	})
}

// Watched snapshots take at most a fiftieth of the time. They take at most a twentieth while there is a critical
// finding, because it may end soon.
func TestSamplerLooksSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l watchTimes
		start := time.Now()
		var got []time.Duration
		deadlock, stopped := []schema.Finding{{Severity: schema.Critical}}, []schema.Finding{{Severity: schema.Warning}}
		for _, s := range []Snapshot{{Total: time.Millisecond}, {Total: time.Second},
			{Total: time.Second, Pending: true},
			{Total: time.Second, Pending: true},
			{Total: time.Millisecond, Findings: deadlock}, {Total: time.Second, Findings: deadlock},
			{Total: time.Millisecond, Findings: stopped}} {
			l.plan(&s, 10*time.Second)
			got = append(got, l.next.Sub(start))
		}
		sameLooks(t, "the next look",
			[]time.Duration{10 * time.Second, 50 * time.Second, ConfirmAfter, 50 * time.Second,
				alarmEvery, 20 * time.Second, 10 * time.Second}, got)
	})
}

// An earlier solution is the first of two samples, even if other snapshots were taken in between.
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
