package process

import (
	"errors"
	"os"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// The kernel takes a lock of a process (mmap_lock, exec_update_lock) before it tells the arguments, the mappings or the
// memory. A thread of the process may keep the lock for ever. One way for every user: mmap(2) of a FUSE file, of which
// a page waits for the server (fuse_file_mmap in fs/fuse/file.c). Then every reader sleeps, as ps(1) does, until it is
// killed or the server answers. Measured on Linux 6.18: cmdline, environ, smaps, pagemap, numa_maps, map_files and
// process_vm_readv sleep; maps sleeps before 6.17; stat, status, fd, fdinfo, cgroup and ns answer.
//
// Nothing but a fatal signal wakes the reader. So a read that may sleep runs in a goroutine which can be left behind.
// The exit of the program ends it.

// ErrStalls means that a read of a process's memory did not come back.
var ErrStalls = errors.New("its memory is locked: it waits for a silent server of a file or of page faults " +
	"(FUSE, userfaultfd)")

// StallAfter is the time after which a read counts as one that never comes back. A usual read takes microseconds.
const StallAfter = 2 * time.Second

// mostStalls is the number of reads that may be left behind. Each has a thread of its own.
const mostStalls = 128

// Stalls has the processes with a read that did not come back. The zero value has none. It is safe for concurrent use.
// A nil *Stalls watches no read.
type Stalls struct {
	count atomic.Int32
	idle  atomic.Int32
	once  sync.Once
	jobs  chan *watched

	mu   sync.Mutex
	left map[stalled]int
}

// stalled is a process: its pid and start time.
type stalled struct {
	pid   int
	start uint64
}

// Open is the function Open. Reads of the Dir that may never come back end in ErrStalls after StallAfter, and then at
// once.
func (s *Stalls) Open(root sys.Root, pid int) (Dir, error) {
	p, err := Open(root, pid)
	if err == nil && p.live && pid != os.Getpid() {
		p.stalls = s
	}
	return p, err
}

// Has is true for a process with a read that has not come back, and for every process if too many have not.
func (s *Stalls) Has(pid int, start uint64) bool {
	if s == nil || s.count.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left[stalled{pid, start}] > 0 || s.count.Load() >= mostStalls
}

// Leave takes note of a read that is left behind. back takes note of its return.
func (s *Stalls) Leave(pid int, start uint64) (back func()) {
	if s == nil {
		return func() {}
	}
	who := stalled{pid, start}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == nil {
		s.left = map[stalled]int{}
	}
	s.left[who]++
	s.count.Add(1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.left[who]--; s.left[who] == 0 {
			delete(s.left, who)
		}
		s.count.Add(-1)
	}
}

// mayStall is true for the files of a process that the kernel tells under a lock.
func mayStall(name string) bool {
	switch path.Base(name) {
	case "cmdline", "environ", "maps", "smaps", "smaps_rollup", "numa_maps", "pagemap", "syscall", "stack", "io":
		return true
	}
	return false
}

// watched is a read in a goroutine that may be left behind.
type watched struct {
	read  func()
	ended chan struct{}
	left  atomic.Bool // the caller has gone on, or the read has ended: whoever sets it first
	back  chan func() // after left: the func of Leave
}

// watch runs a read. On an error the read goes on alone: the caller must not touch what the read writes. read gets a
// Dir of its own.
func (p Dir) watch(read func(own Dir)) error {
	switch {
	case p.lane != nil:
		at := p.lane.enter()
		read(p)
		p.lane.leave(at)
		return nil
	case p.stalls == nil:
		read(p)
		return nil
	}
	s := p.stalls
	if s.count.Load() > 0 && s.Has(p.PID, p.start()) {
		return ErrStalls
	}
	own := Dir{PID: p.PID, live: true, memory: &memory{}}
	var err error
	if own.fd, err = unix.FcntlInt(uintptr(p.fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return err
	}
	w := &watched{ended: make(chan struct{}), back: make(chan func(), 1),
		read: func() { defer own.Close(); read(own) }}
	s.once.Do(func() { s.jobs = make(chan *watched) })
	select {
	case s.jobs <- w:
	default:
		go s.work(w)
	}
	timer := time.NewTimer(StallAfter)
	defer timer.Stop()
	select {
	case <-w.ended:
		return nil
	case <-timer.C:
	}
	if !w.left.CompareAndSwap(false, true) {
		<-w.ended
		return nil
	}
	w.back <- s.Leave(p.PID, p.start())
	return ErrStalls
}

// work runs reads until one was left behind. At most one goroutine waits for more reads.
func (s *Stalls) work(w *watched) {
	for {
		w.read()
		if !w.left.CompareAndSwap(false, true) {
			(<-w.back)()
			return
		}
		idle := s.idle.Add(1) == 1
		close(w.ended)
		if !idle {
			s.idle.Add(-1)
			return
		}
		w = <-s.jobs
		s.idle.Add(-1)
	}
}

// start is the start time of the process; 0: it has ended.
func (p Dir) start() uint64 {
	text, err := p.read("stat", nil)
	if err != nil {
		return 0
	}
	st, _ := ParseProcStat(text)
	return st.Start
}

// Lane is a goroutine that reads many processes. Another goroutine watches it, and leaves it behind if a read does not
// come back. So the reads of a lane cost no switch between goroutines.
type Lane struct {
	begun time.Time
	since atomic.Int64 // when the present read began; 0: no read; laneLeft
}

const laneLeft = -1

// NewLane makes a lane for the calling goroutine, or for one that the caller starts.
func NewLane() *Lane { return &Lane{begun: time.Now()} }

// In is the Dir for reads in a lane. Its reads end the goroutine (runtime.Goexit) if the lane was left behind.
func (p Dir) In(l *Lane) Dir {
	p.lane = l
	return p
}

// Lane is the lane of the reads; nil: none.
func (p Dir) Lane() *Lane { return p.lane }

func (l *Lane) enter() int64 {
	at := int64(time.Since(l.begun)) + 1
	l.since.Store(at)
	return at
}

func (l *Lane) leave(at int64) {
	if !l.since.CompareAndSwap(at, 0) {
		runtime.Goexit()
	}
}

// Abandon is true if the lane's present read does not come back. The lane then writes nothing more: its goroutine ends
// after the read.
func (l *Lane) Abandon() bool {
	at := l.since.Load()
	return at > 0 && int64(time.Since(l.begun))-at > int64(StallAfter) && l.since.CompareAndSwap(at, laneLeft)
}

// Left is true after Abandon.
func (l *Lane) Left() bool { return l.since.Load() == laneLeft }
