package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// play is a scene of processes that wait for each other. Its actors have one thread each, like a C program. The worker
// that starts them keeps none of the shared objects.
type play struct {
	j      *kerneltest.Job
	admin  *kernel.Admin
	actors []*actor
	fds    []int  // descriptors of the actors; this process closes them when all actors have started
	forked func() // runs when the pids of the actors are known, and before the actors go on
	// settled returns another name and pid after the play has begun; nil: there is none
	settled     func() string
	marks, gate [2]int
	mostFDs     int // more than the number of descriptors that the worker has
}

// actor does its first calls, waits until all others have done theirs, and goes on.
type actor struct {
	name  string
	first *process.Script
	gate  func() // adds the calls between the first ones and the others: report, then wait for all actors; once
	dies  bool   // it ends after its calls; otherwise it sleeps
	pid   int
}

// workPlay is the worker of the play that its first argument names. It prints the pids of the actors, by name: "a=12".
func workPlay(j *kerneltest.Job) {
	// The actors end with the thread that started them.
	runtime.LockOSThread()
	p := &play{j: j, admin: kernel.NewAdmin(), mostFDs: mostFDs}
	set := plays()[j.Args[0]]
	if set == nil {
		set = huntedPlays()[j.Args[0]]
	}
	if set == nil {
		set = guessedPlays()[j.Args[0]]
	}
	if seed, ok := strings.CutPrefix(j.Args[0], "random "); ok {
		n, err := strconv.ParseUint(seed, 10, 64)
		j.Check(err)
		set = playRandom(n)
	}
	if set == nil {
		set = leftPlays()[j.Args[0]]
	}
	if set == nil {
		set = manyPlays()[j.Args[0]]
	}
	if set == nil {
		j.Check(fmt.Errorf("no play called %q", j.Args[0]))
	}
	j.Check(unix.Pipe2(p.marks[:], unix.O_CLOEXEC))
	j.Check(unix.Pipe2(p.gate[:], unix.O_CLOEXEC))
	set(p)
	p.begin()
	var words []any
	for _, a := range p.actors {
		words = append(words, fmt.Sprintf("%s=%d", a.name, a.pid))
	}
	if p.settled != nil {
		words = append(words, p.settled())
	}
	j.Ready(words...)
	j.Wait()
}

// mostFDs is more than the number of descriptors that the worker of a usual play has.
const mostFDs = 64

// actor adds an actor with these descriptors and no others.
func (p *play) actor(name string, keep ...int) *actor {
	s := new(process.Script).Name("actor-" + name)
	for fd := range p.mostFDs {
		if fd != p.marks[1] && fd != p.gate[0] && !slices.Contains(keep, fd) {
			s.Close(fd)
		}
	}
	a := &actor{name: name, first: s}
	a.gate = sync.OnceFunc(func() { s.Write(p.marks[1], 1).Read(p.gate[0]).Close(p.marks[1]).Close(p.gate[0]) })
	p.actors = append(p.actors, a)
	return a
}

// then is for the calls that an actor does after all actors have done their first calls.
func (a *actor) then() *process.Script {
	a.gate()
	return a.first
}

// begin starts the actors. It lets them go on when each has done its first calls.
func (p *play) begin() {
	for _, a := range p.actors {
		if s := a.then(); !a.dies {
			s.Sleep(process.Forever)
		}
		pid, err := p.admin.StartBare(a.first)
		p.j.Check(err)
		a.pid = pid
	}
	unix.Close(p.marks[1])
	for n := 0; n < len(p.actors); {
		got, err := unix.Read(p.marks[0], make([]byte, len(p.actors)))
		p.j.Check(err)
		if got == 0 {
			p.j.Check(errors.New("an actor ended before it came on stage"))
		}
		n += got
	}
	if p.forked != nil {
		p.forked()
	}
	_, err := unix.Write(p.gate[1], make([]byte, len(p.actors)))
	p.j.Check(err)
	for _, fd := range append(p.fds, p.marks[0], p.gate[0], p.gate[1]) {
		unix.Close(fd)
	}
	for _, a := range p.actors {
		if a.dies {
			_, err := unix.Wait4(a.pid, nil, 0, nil)
			p.j.Check(err)
		}
	}
}

func (p *play) pipe() (read, write int) {
	var fd [2]int
	p.j.Check(unix.Pipe2(fd[:], unix.O_CLOEXEC))
	p.fds = append(p.fds, fd[0], fd[1])
	return fd[0], fd[1]
}

// open opens a file with its own open file description. So flock treats it as the file of another process.
func (p *play) open(name string) int {
	fd, err := unix.Open(filepath.Join("/dev/shm", name), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	p.j.Check(err)
	p.fds = append(p.fds, fd)
	return fd
}

// sems makes a set of two semaphores with the value 1.
func (p *play) sems() int { return p.semSet(2) }

// semSet makes a set of n semaphores with the value 1. The process that set the values is gone: a living process that
// has changed a semaphore could do so again.
func (p *play) semSet(n int) int {
	id, err := p.admin.SemGet(0, n, 0o600)
	p.j.Check(err)
	const setAll = 17 // SETALL
	s, values := new(process.Script), slices.Repeat([]uint16{1}, n)
	pid, err := p.admin.StartBare(s.Raw(unix.SYS_SEMCTL, uintptr(id), 0, setAll,
		s.Keep(values, unsafe.Pointer(&values[0]))))
	p.j.Check(err)
	_, err = unix.Wait4(pid, nil, 0, nil)
	p.j.Check(err)
	return id
}

func take(num int, flags int16) sysv.SemOp {
	return sysv.SemOp{Num: uint16(num), Op: -1, Flags: flags}
}

// setlkw takes a lock on the whole file, by F_SETLKW or F_OFD_SETLKW.
func setlkw(s *process.Script, command uintptr, fd int) {
	l := &unix.Flock_t{Type: unix.F_WRLCK}
	s.Raw(unix.SYS_FCNTL, uintptr(fd), command, s.Keep(l, unsafe.Pointer(l)))
}

// mutexes are pthread_mutex_t in the layout of glibc on 64 bits: lock at 0, TID of the owner at 8, kind at 16
// (sysdeps/nptl/bits/struct_mutex.h).
type mutexes struct{ memory []byte }

const mutexSize = 64

// mutexes maps memory without a name, which the actors inherit.
func (p *play) mutexes(n int) mutexes {
	fd, err := unix.MemfdCreate("mutexes", unix.MFD_CLOEXEC)
	p.j.Check(err)
	p.j.Check(unix.Ftruncate(fd, 4096))
	m, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	p.j.Check(err)
	unix.Close(fd)
	return mutexes{m}
}

// lockedBy makes a mutex that thread tid has locked and others wait for.
func (m mutexes) lockedBy(i, tid int) {
	at := m.memory[i*mutexSize:]
	const contended, pshared = 2, 0x80
	binary.NativeEndian.PutUint32(at[8:], uint32(tid))
	binary.NativeEndian.PutUint32(at[12:], 1)
	binary.NativeEndian.PutUint32(at[16:], pshared)
	binary.NativeEndian.PutUint32(at, contended)
}

// lock waits for a mutex, like pthread_mutex_lock. timeout may be nil.
func (m mutexes) lock(s *process.Script, i int, timeout *unix.Timespec) {
	const futexWait = 0
	s.Raw(unix.SYS_FUTEX, s.Keep(m.memory, unsafe.Pointer(&m.memory[i*mutexSize])), futexWait, 2,
		s.Keep(timeout, unsafe.Pointer(timeout)), 0, 0)
}
