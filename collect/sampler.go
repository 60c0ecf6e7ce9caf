package collect

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ipctop/ipctop/collect/schema"
)

// Sampler owns a Collector. It takes one snapshot at a time, at an interval and on demand, and leaves the newest in a
// one-slot mailbox. A demand that comes during a scan is met by the next scan. Between the scans it takes the snapshots
// that Watch asked for.
type Sampler struct {
	collector *Collector
	out       mailbox
	watched   mailbox
	wake      chan struct{}

	mu       sync.Mutex
	request  Request
	interval time.Duration
	paused   bool
	asked    bool
	watch    Request
	every    time.Duration // 0: nothing is watched
}

// mailbox holds the newest snapshot that nobody has taken yet.
type mailbox chan *Snapshot

// NewSampler returns a Sampler that does nothing until Run.
func NewSampler(c *Collector, interval time.Duration) *Sampler {
	return &Sampler{collector: c, interval: interval, out: make(mailbox, 1), watched: make(mailbox, 1),
		wake: make(chan struct{}, 1)}
}

// Snapshots is the mailbox. A reader gets the newest snapshot. Older snapshots that nobody read are dropped.
func (s *Sampler) Snapshots() <-chan *Snapshot { return s.out }

// Watched is the mailbox of the snapshots that Watch asked for.
func (s *Sampler) Watched() <-chan *Snapshot { return s.watched }

// Watch asks for additional snapshots for r. It is for findings that cost too much for every snapshot.
//
// The first comes after the first demanded snapshot. The time to the next is every, or fifty times the cost of the last
// one, whichever is longer. A Pending snapshot is followed once by another after ConfirmAfter. While there is a
// critical finding, the time is two seconds, or twenty times the cost: a finding that is over must not stay on screen
// for long.
//
// A demanded snapshot that covers r counts as a watched one. Nothing is watched while the Sampler is paused.
func (s *Sampler) Watch(r Request, every time.Duration) {
	s.change(func() { s.watch, s.every = r, every })
}

// Demand sets the content of later snapshots, and asks for one.
func (s *Sampler) Demand(r Request) { s.change(func() { s.request, s.asked = r, true }) }

// Now asks for a snapshot at once, even if the Sampler is paused.
func (s *Sampler) Now() { s.change(func() { s.asked = true }) }

// SetInterval changes the time from the end of one scan to the start of the next.
func (s *Sampler) SetInterval(d time.Duration) { s.change(func() { s.interval = d }) }

// Pause stops or resumes the regular snapshots.
func (s *Sampler) Pause(on bool) { s.change(func() { s.paused = on }) }

func (s *Sampler) change(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next tells whether a snapshot is due, and what it should hold. Otherwise wait is the time until one is due; 0: until
// woken.
func (s *Sampler) next(last time.Time) (due bool, r Request, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait = s.interval - time.Since(last)
	switch {
	case s.request.Want == nil:
		return false, r, 0
	case s.asked || !s.paused && wait <= 0:
		s.asked = false
		return true, s.request, 0
	case s.paused:
		return false, r, 0
	}
	return false, r, wait
}

// Run takes snapshots until ctx is done. Only its goroutine uses the Collector.
func (s *Sampler) Run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var last time.Time
	var look watchTimes
	for ctx.Err() == nil {
		due, request, wait := s.next(last)
		if due {
			snap := s.collector.Take(request)
			s.out.put(snap)
			last = time.Now()
			if w, every := s.watching(); every > 0 && snap.Covers(w) {
				s.watched.put(snap)
				look.plan(snap, every)
			}
			continue
		}
		if w, every := s.watching(); every > 0 {
			left := time.Until(look.next)
			if left <= 0 {
				snap := s.collector.Take(w)
				s.watched.put(snap)
				look.plan(snap, every)
				continue
			}
			if wait <= 0 || left < wait {
				wait = left
			}
		}
		if wait <= 0 {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// watching returns what to watch, and how often; 0: nothing now.
func (s *Sampler) watching() (Request, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.request.Want == nil || s.paused {
		return Request{}, 0
	}
	return s.watch, s.every
}

// watchTimes plans the next watched snapshot.
type watchTimes struct {
	next  time.Time
	again bool // the next snapshot only confirms the last one
}

// ConfirmAfter is the time that a thread must sleep in one wait before it is called stuck. It is also the time between
// a Pending snapshot and the one that confirms it.
const ConfirmAfter = 200 * time.Millisecond

// alarmEvery is the time between watched snapshots while there is a critical finding.
const alarmEvery = 2 * time.Second

// The time between watched snapshots is at least this many times the cost of one. So they take at most a fiftieth of
// the time, and a twentieth while there is a critical finding.
const (
	restFactor      = 50
	alarmRestFactor = 20
)

func (l *watchTimes) plan(s *Snapshot, every time.Duration) {
	l.again = s.Pending && !l.again
	if l.again {
		l.next = time.Now().Add(ConfirmAfter)
		return
	}
	l.next = time.Now().Add(LookAfter(s, every))
}

// LookAfter is the time from the end of watched snapshot s to the start of the next. every is the argument of Watch.
func LookAfter(s *Snapshot, every time.Duration) time.Duration {
	wait := max(every, restFactor*s.Total)
	if slices.ContainsFunc(s.Findings, func(f schema.Finding) bool { return f.Severity == schema.Critical }) {
		wait = min(wait, max(alarmEvery, alarmRestFactor*s.Total))
	}
	return wait
}

func (m mailbox) put(snap *Snapshot) {
	for {
		select {
		case m <- snap:
			return
		default:
		}
		select {
		case <-m:
		default:
		}
	}
}
