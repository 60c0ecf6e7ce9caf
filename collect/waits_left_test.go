package collect

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// In these plays a process has ended with what others wait for.

func leftPlays() map[string]func(*play) {
	return map[string]func(*play){
		"semaphore-left":          func(p *play) { p.holderDied(0) },
		"semaphore-left-stranger": func(p *play) { p.holderDied(0); p.bystander(nil) },
		"semaphores-stranger":     func(p *play) { p.semaphores(0, 0); p.bystander(nil) },
		"semaphores-foreign": func(p *play) {
			p.semaphores(0, 0)
			p.bystander(&syscall.Credential{Uid: 1000, Gid: 1000})
		},
		"named-left":     func(p *play) { p.namedSemaphore("a", "b") },
		"named-left-one": func(p *play) { p.namedSemaphore("a") },
		"named-kept":     func(p *play) { p.namedSemaphore("a", "b"); p.actor("c") },
		"named-kept-open": func(p *play) {
			m, c := p.namedSemaphore("a", "b"), p.actor("c", p.open("sem.lock"))
			c.first.Raw(unix.SYS_MUNMAP, uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)))
		},
		"rwlock-left": func(p *play) { p.rwlock("a", "b") },
		"rwlock-kept": func(p *play) { p.rwlock("a"); p.actor("c") },
		"rwlock-kept-open": func(p *play) {
			m, c := p.rwlock("a"), p.actor("c", p.open("rw"))
			c.first.Raw(unix.SYS_MUNMAP, uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)))
		},
		"rwlock-handled": func(p *play) {
			p.handle(p.actor("a").first, unix.SIGALRM)
			p.rwlock("a")
		},
		"named-handled": func(p *play) {
			p.handle(p.actor("a").first, unix.SIGALRM)
			p.namedSemaphore("a")
		},
	}
}

// bystander starts another program in the process group of the actors, as a user; nil: as the same user.
func (p *play) bystander(user *syscall.Credential) {
	p.settled = func() string {
		other := exec.Command("sleep", "1000000")
		other.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: user}
		p.j.Check(other.Start())
		return fmt.Sprintf("c=%d", other.Process.Pid)
	}
}

// namedSemaphore makes a semaphore with the value 0 in the layout of glibc on 64 bits: the value at 0, the number of
// waiters at 4 (sysdeps/nptl/internaltypes.h). The actors wait for it. This process drops it when the actors have
// started.
func (p *play) namedSemaphore(names ...string) (memory []byte) {
	return p.named("sem.lock", 32, names, map[int]byte{4: byte(len(names))}, 0, 0)
}

// rwlock makes a rwlock of glibc on 64 bits that one reader holds: the number of readers from bit 3 on and the sign of
// a writer at 0, the words of the waits at 8 and 12, the sign of shared memory at 28 (nptl/pthread_rwlock_common.c).
// The reader is gone. The actors wait for the lock, to write.
func (p *play) rwlock(names ...string) (memory []byte) {
	const reader, writer = 1 << 3, 1 << 1
	return p.named("rw", 56, names, map[int]byte{0: reader | writer, 8: 2, 12: 1, 28: 1}, 8, 2)
}

// named makes a file in /dev/shm of a size in bytes, with this content. The actors wait for the word at a place in it,
// which has the value. This process drops it when the actors have started.
func (p *play) named(file string, size int, names []string, content map[int]byte, at int,
	value uintptr) (memory []byte) {
	fd := p.open(file)
	p.j.Check(unix.Ftruncate(fd, int64(size)))
	m, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	p.j.Check(err)
	for i, b := range content {
		m[i] = b
	}
	p.forked = func() { p.j.Check(unix.Munmap(m)) }
	for _, name := range names {
		n := slices.IndexFunc(p.actors, func(a *actor) bool { return a.name == name })
		if n < 0 {
			n = len(p.actors)
			p.actor(name)
		}
		const futexWaitBitset, allBits = 9, 1<<32 - 1
		s := p.actors[n].then()
		s.Raw(unix.SYS_FUTEX, s.Keep(m, unsafe.Pointer(&m[at])), futexWaitBitset, value, 0, 0, allBits)
	}
	return m
}

// says are the sentences of the look: of each actor's wait, and of each finding with its first reason.
func (s *stage) says() string {
	snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Findings: true})
	at := slices.IndexFunc(s.collector.mechanisms, func(m *kinds.Mechanism) bool { return m.Kind == schema.Wait })
	column, _ := s.collector.mechanisms[at].Column("says")
	var lines []string
	for _, o := range snap.Objects[schema.Wait] {
		if says := column.Get(o).Str(); strings.Contains(says, "actor-") {
			lines = append(lines, says)
		}
	}
	for _, f := range snap.Findings {
		lines = append(lines, fmt.Sprintf("%s: %s", f.Says, f.Evidence[0]))
	}
	text := strings.Join(lines, "\n")
	for name, pid := range s.pids {
		text = strings.ReplaceAll(text, fmt.Sprintf("%d/actor-%s", pid, name), name)
		text = strings.ReplaceAll(text, fmt.Sprintf("process %d,", pid), "process "+name+",")
	}
	return text
}

func TestWaitsForWhatWasLeft(t *testing.T) {
	for _, test := range []struct{ play, shows, says string }{
		{"semaphore-left", `
b stuck
warning inferred stuck: b
`, "b waits for sem:0 (semop [0] -1): its last change was by process a, which is gone, and nobody is left " +
			"who could end it\n" +
			"likely stuck: b waits for sem:0 (semop [0] -1): its last change was by process a, which is gone, " +
			"and nobody is left who " +
			`could end it: observed: its last change was by process a, which is gone`},
		{"semaphore-left-stranger", `
b waits
warning inferred abandoned: b
`, `b waits for sem:0 (semop [0] -1): its last change was by process a, which is gone
probably left behind: b waits for sem:0 (semop [0] -1), and its last change was by process a, which is gone: ` +
			`observed: its last change was by process a, which is gone`},
		// Nothing connects the stranger with the semaphores but its place beside the actors.
		{"semaphores-stranger", `
a waits
  b waits
warning inferred deadlock: a b
`, `a waits for sem:0 (semop [1] -1)
b waits for sem:0 (semop [0] -1), a changed semaphore 0 last
possible deadlock: a waits for sem:0 (semop [1] -1), b changed semaphore 1 last; b waits for sem:0 (semop [0] -1), ` +
			`a changed semaphore 0 last: inferred: b changed semaphore 1 last (sem:0)`},
		{"semaphores-foreign", `
a deadlock
  b deadlock
critical inferred deadlock: a b
`, `a waits for sem:0 (semop [1] -1), b changed semaphore 1 last
b waits for sem:0 (semop [0] -1), a changed semaphore 0 last
likely deadlock: a waits for sem:0 (semop [1] -1), b changed semaphore 1 last; b waits for sem:0 (semop [0] -1), ` +
			`a changed semaphore 0 last: inferred: b changed semaphore 1 last (sem:0)`},
		{"named-left", `
a stuck
b stuck
warning inferred stuck: a b
`, "a waits for psem:/lock (sem_wait): its value is 0, and all who have it wait for it, and nobody is left " +
			"who could end it\n" +
			"b waits for psem:/lock (sem_wait): its value is 0, and all who have it wait for it, and nobody is left " +
			"who could end it\n" +
			"likely stuck: a, b wait for psem:/lock (sem_wait): its value is 0, and all who have it wait for it, " +
			"and nobody is left " +
			`who could end it: observed: its value is 0, and all who have it wait for it`},
		{"named-left-one", `
a stuck
warning inferred stuck: a
`, "a waits for psem:/lock (sem_wait): its value is 0, and all who have it wait for it, and nobody is left " +
			"who could end it\n" +
			"likely stuck: a waits for psem:/lock (sem_wait): its value is 0, and all who have it wait for it, " +
			"and nobody is left " +
			`who could end it: observed: its value is 0, and all who have it wait for it`},
		{"named-kept", `
c runs
  a waits
  b waits
`, `c sleeps in nanosleep
a waits for psem:/lock (sem_wait), which c maps
b waits for psem:/lock (sem_wait), which c maps`},
		{"named-kept-open", `
c runs
  a waits
  b waits
`, `c sleeps in nanosleep
a waits for psem:/lock (sem_wait), which c has open
b waits for psem:/lock (sem_wait), which c has open`},
		{"rwlock-left", `
a stuck
b stuck
warning inferred stuck: a b
`, "a waits for pshm:/rw (rwlock at +0x8): readers locked it, and all who have it wait, and nobody is left " +
			"who could end it\n" +
			"b waits for pshm:/rw (rwlock at +0x8): readers locked it, and all who have it wait, and nobody is left " +
			"who could end it\n" +
			"likely stuck: a, b wait for pshm:/rw (rwlock at +0x8): readers locked it, and all who have it wait, " +
			"and nobody is left " +
			`who could end it: observed: readers locked it, and all who have it wait`},
		{"rwlock-kept", `
c runs
  a waits
`, `c sleeps in nanosleep
a waits for pshm:/rw (rwlock at +0x8), which c maps; open to whoever maps it`},
		{"rwlock-kept-open", `
a open
`, `a waits for pshm:/rw (rwlock at +0x8); open to whoever maps it`},
		{"rwlock-handled", `
a open
`, `a waits for pshm:/rw (rwlock at +0x8); only a signal handler of its own could end it`},
		{"named-handled", `
a open
`, `a waits for psem:/lock (sem_wait); only a signal handler of its own could end it`},
	} {
		t.Run(test.play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				if test.play == "semaphores-foreign" && !(mayBecome(1000) && mayBecome(1234)) {
					t.Skip("needs root: an ordinary user's namespace holds one uid only")
				}
				s := perform(t, test.play)
				s.shows(strings.TrimPrefix(test.shows, "\n"))
				if got := s.says(); got != test.says {
					t.Errorf("got:\n%s\nwant:\n%s", got, test.says)
				}
			})
		})
	}
}
