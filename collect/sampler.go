package collect

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ipctop/ipctop/collect/schema"
)

// Sampler owns a Collector: it takes snapshots at an interval and when asked, one at a time, and leaves the newest in
// a one-slot mailbox. What was asked for while a scan runs is served by the next one. Between them it looks now and
// then at what is watched.
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

// Snapshots is the mailbox. Who reads it gets the newest snapshot; older ones that nobody took are dropped.
func (s *Sampler) Snapshots() <-chan *Snapshot { return s.out }

// Watched is the mailbox of what Watch asked for.
func (s *Sampler) Watched() <-chan *Snapshot { return s.watched }

// Watch has snapshots for r taken as well, whatever is demanded: the first one after the first that was demanded, and
// then one each time that every has passed, or fifty times what it took, whichever is longer. It is for findings that
// cost too much to be looked for in every snapshot. One that is Pending is soon followed by a second one, once, and
// one with a critical finding after two seconds, or twenty times what it took: what was announced and is over should
// not stand there for long. A snapshot that was demanded and has all that is watched stands for one. Nothing is
// watched while paused.
func (s *Sampler) Watch(r Request, every time.Duration) {
	s.change(func() { s.watch, s.every = r, every })
}

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
	var look looking
	for ctx.Err() == nil {
		due, request, wait := s.next(last)
		if due {
			snap := s.collector.Take(request)
			s.out.put(snap)
			last = time.Now()
			if w, every := s.watching(); every > 0 && snap.Covers(w) {
				s.watched.put(snap)
				look.took(snap, every)
			}
			continue
		}
		if w, every := s.watching(); every > 0 {
			left := time.Until(look.next)
			if left <= 0 {
				snap := s.collector.Take(w)
				s.watched.put(snap)
				look.took(snap, every)
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

// watching is what to watch and how often; 0: nothing now.
func (s *Sampler) watching() (Request, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.request.Want == nil || s.paused {
		return Request{}, 0
	}
	return s.watch, s.every
}

// looking is when to look at what is watched again.
type looking struct {
	next  time.Time
	again bool // this look is only to confirm the one before
}

// ConfirmAfter is how long a thread has to sleep in one wait before it is called stuck: when to take the snapshot
// that follows a Pending one.
const ConfirmAfter = 200 * time.Millisecond

// alarmEvery is how often to look while there is a critical finding.
const alarmEvery = 2 * time.Second

// sparing bounds the share of the time that looking takes: a fiftieth; sparingAlarm while there is a critical
// finding: a twentieth.
const (
	sparing      = 50
	sparingAlarm = 20
)

func (l *looking) took(s *Snapshot, every time.Duration) {
	l.again = s.Pending && !l.again
	if l.again {
		l.next = time.Now().Add(ConfirmAfter)
		return
	}
	l.next = time.Now().Add(LookAfter(s, every))
}

// LookAfter is the time from a look's end to the next one, where every is what Watch was told.
func LookAfter(s *Snapshot, every time.Duration) time.Duration {
	wait := max(every, sparing*s.Total)
	if slices.ContainsFunc(s.Findings, func(f schema.Finding) bool { return f.Severity == schema.Critical }) {
		wait = min(wait, max(alarmEvery, sparingAlarm*s.Total))
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
