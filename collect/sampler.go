package collect

import (
	"context"
	"sync"
	"time"
)

// Sampler owns a Collector: it takes snapshots at an interval and when asked, one at a time, and leaves the newest in a
// one-slot mailbox. What was asked for while a scan runs is served by the next one.
type Sampler struct {
	collector *Collector
	out       chan *Snapshot
	wake      chan struct{}

	mu       sync.Mutex
	request  Request
	interval time.Duration
	paused   bool
	asked    bool
}

// NewSampler returns a Sampler that does nothing until Run.
func NewSampler(c *Collector, interval time.Duration) *Sampler {
	return &Sampler{collector: c, interval: interval, out: make(chan *Snapshot, 1), wake: make(chan struct{}, 1)}
}

// Snapshots is the mailbox. Who reads it gets the newest snapshot; older ones that nobody took are dropped.
func (s *Sampler) Snapshots() <-chan *Snapshot { return s.out }

// Demand says what later snapshots should hold, and asks for one.
func (s *Sampler) Demand(r Request) { s.change(func() { s.request, s.asked = r, true }) }

// Now asks for a snapshot at once, paused or not.
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

// next tells whether a snapshot is due, what it should hold, and how long to wait otherwise (0: until woken).
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

// Run takes snapshots until ctx is done. It is the collector's goroutine.
func (s *Sampler) Run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var last time.Time
	for {
		due, request, wait := s.next(last)
		if due {
			s.publish(s.collector.Take(request))
			last = time.Now()
			continue
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

func (s *Sampler) publish(snap *Snapshot) {
	for {
		select {
		case s.out <- snap:
			return
		default:
		}
		select {
		case <-s.out:
		default:
		}
	}
}
