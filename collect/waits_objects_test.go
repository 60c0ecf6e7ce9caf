package collect

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// objectSorts are more things of random scenes. Threads of the worker wait only for "undo".
//
//	undo          a semaphore that its owner took with SEM_UNDO; in a scene with threads all are in one set
//	plain         a semaphore that its first owner took without SEM_UNDO; the second owner changed the other semaphore
//	abandoned     a semaphore that a process took which is gone; nobody owns it
//	msg, mq       an empty queue; its owners have sent to it (System V), or have it open to send (POSIX)
//	msg-full …    a full queue; its owners have received from it, or have it open to receive
//	named         a POSIX named semaphore; its owners have it open
//	unix          a socket pair; the owners have the other end
//	unix-full     the same, and the waiter writes more than the pair holds
//	fifo          a FIFO without a name; its owners have the end for writing
//	fifo-open     the opening of a FIFO; its owners would open it to write
var objectSorts = []string{"undo", "plain", "abandoned", "msg", "msg-full", "mq", "mq-full", "named", "unix",
	"unix-full", "fifo", "fifo-open"}

// mostThings is more than the number of things in a scene.
const mostThings = 16

// several reports whether a thing may have several owners.
func several(sort string) bool {
	return sort == "pipe" || slices.Contains(objectSorts, sort) && sort != "undo" && sort != "abandoned"
}

// twoEnds reports whether a process may wait for a thing that only it could give, because it has both ends.
func twoEnds(sort string) bool {
	return sort == "pipe" || sort == "fifo" || sort == "unix" || sort == "unix-full"
}

// forAnybody reports whether processes that do not know the thing could come to it, by its name or number.
func forAnybody(sort string) bool {
	return sort == "fifo-open" || strings.HasPrefix(sort, "m") && sort != "mutex"
}

// path is the file of a thing.
func (c *built) path(i int) string {
	name := fmt.Sprintf("%s.%d", c.name, i)
	if c.things[i].sort == "named" {
		name = "sem." + name
	}
	return "/dev/shm/" + name
}

// prepareObject makes the object of a thing. It gives one end to its owners, and the other to all who wait for it.
func (c *built) prepareObject(i int) {
	owners, waiters := -1, -1
	switch sort := c.things[i].sort; sort {
	case "undo", "plain", "abandoned":
		if c.ids[i] = c.sems(); sort == "undo" && c.hasThreads() {
			c.ids[i] = c.set()
		}
		if sort == "abandoned" {
			pid, err := c.admin.StartBare(new(process.Script).SemOp(c.ids[i], take(0, 0)))
			c.j.Check(err)
			_, err = unix.Wait4(pid, nil, 0, nil)
			c.j.Check(err)
		}
	case "msg", "msg-full":
		id, err := c.admin.MsgGet(0, 0o600)
		c.j.Check(err)
		c.ids[i] = id
		for n := 0; sort == "msg-full" && n < queueBytes; n += messageBytes {
			c.j.Check(c.admin.MsgSend(id, 1, make([]byte, messageBytes), 0))
		}
	case "mq":
		owners, waiters = c.mq(i, unix.O_WRONLY), c.mq(i, unix.O_RDONLY)
	case "mq-full":
		owners, waiters = c.mq(i, unix.O_RDONLY), c.mq(i, unix.O_WRONLY)
		c.j.Check(c.admin.MqSend(waiters, []byte{0}, 0))
	case "named":
		owners = c.open(filepath.Base(c.path(i)))
		waiters = owners
		c.j.Check(unix.Ftruncate(owners, 32)) // sizeof(sem_t) of glibc
	case "unix", "unix-full":
		pair := c.socketPair()
		owners, waiters = pair[0], pair[1]
	case "fifo":
		name := filepath.Base(c.path(i))
		c.fifo(name, unix.O_RDWR)
		owners, waiters = c.fifo(name, unix.O_WRONLY), c.fifo(name, unix.O_RDONLY)
		c.j.Check(unix.Unlink(c.path(i)))
	case "fifo-open":
		c.j.Check(unix.Mkfifo(c.path(i), 0o600))
	}
	if owners < 0 {
		return
	}
	for _, o := range c.things[i].owners {
		c.give(o, owners)
	}
	for role, a := range c.roles {
		if a.waits == i {
			c.give(role, waiters)
			c.fd[[2]int{i, role}] = waiters
		}
	}
}

// semaphore is the number of the semaphore that stands for a thing with SEM_UNDO.
func (c *built) semaphore(i int) int {
	if c.hasThreads() {
		return i // in c.set
	}
	return 0
}

// A queue of System V holds 16384 bytes (msgmnb), and a message 8192 (msgmax): proc_sys_kernel(5).
const queueBytes, messageBytes = 16384, 8192

// mq opens a POSIX queue for one message.
func (c *built) mq(i, flags int) int {
	name := fmt.Sprintf("/%s.%d", c.name, i)
	fd, err := c.admin.MqOpen(name, flags|unix.O_CREAT|unix.O_CLOEXEC, 0o600, &posix.MqAttr{MaxMsg: 1, MsgSize: 1})
	c.j.Check(err)
	c.fds = append(c.fds, fd)
	return fd
}

func (c *built) takeObject(i int, t thing, actors map[int]*actor) {
	for n, o := range t.owners {
		s := actors[o].first
		switch t.sort {
		case "undo":
			s.SemOp(c.ids[i], take(c.semaphore(i), sysv.SemUndo))
		case "plain":
			s.SemOp(c.ids[i], take(n, 0))
		case "msg":
			sendMessage(s, c.ids[i], 8)
			receiveMessage(s, c.ids[i], 8)
		case "msg-full":
			receiveMessage(s, c.ids[i], messageBytes)
			sendMessage(s, c.ids[i], messageBytes)
		}
	}
}

// sendMessage adds msgsnd of a message of type 1.
func sendMessage(s *process.Script, id, size int) {
	buf := make([]uint64, 1+size/8)
	buf[0] = 1
	s.Raw(unix.SYS_MSGSND, uintptr(id), s.Keep(buf, unsafe.Pointer(&buf[0])), uintptr(size), 0)
}

func receiveMessage(s *process.Script, id, size int) {
	buf := make([]uint64, 1+size/8)
	s.Raw(unix.SYS_MSGRCV, uintptr(id), s.Keep(buf, unsafe.Pointer(&buf[0])), uintptr(size), 0, 0)
}

// waitForObject makes a process wait for one of objectSorts.
func (c *built) waitForObject(s *process.Script, i, fd int) {
	buf := make([]byte, 8)
	at := s.Keep(buf, unsafe.Pointer(&buf[0]))
	switch c.things[i].sort {
	case "undo":
		s.SemOp(c.ids[i], take(c.semaphore(i), sysv.SemUndo))
	case "plain", "abandoned":
		s.SemOp(c.ids[i], take(0, 0))
	case "msg":
		receiveMessage(s, c.ids[i], 8)
	case "msg-full":
		sendMessage(s, c.ids[i], messageBytes)
	case "mq":
		s.Raw(unix.SYS_MQ_TIMEDRECEIVE, uintptr(fd), at, 1, 0, 0)
	case "mq-full":
		s.Raw(unix.SYS_MQ_TIMEDSEND, uintptr(fd), at, 1, 0, 0)
	case "named":
		c.waitForSemaphore(s, fd)
	case "unix", "fifo":
		s.Read(fd)
	case "unix-full":
		s.Write(fd, 1<<20)
	case "fifo-open":
		path := append([]byte(c.path(i)), 0)
		here := unix.AT_FDCWD
		s.Raw(unix.SYS_OPENAT, uintptr(here), s.Keep(path, unsafe.Pointer(&path[0])), unix.O_RDONLY)
	}
}

// waitForSemaphore maps a named semaphore and waits for it, like sem_wait of glibc. The worker does not map it: all
// actors would inherit that.
func (c *built) waitForSemaphore(s *process.Script, fd int) {
	place, err := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	c.j.Check(err)
	at := s.Keep(place, unsafe.Pointer(&place[0]))
	const futexWaitBitset = 9
	s.Raw(unix.SYS_MMAP, at, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED, uintptr(fd), 0)
	s.Raw(unix.SYS_FUTEX, at, futexWaitBitset, 0, 0, 0, math.MaxUint32)
}

// stop stops the roles that are to be stopped.
func (b *builder) stop() {
	for _, a := range b.stops {
		b.j.Check(unix.Kill(a.pid, unix.SIGSTOP))
	}
}

// removeSceneObjects removes the objects of a worker's scenes, and all System V objects of the test's own namespace.
func removeSceneObjects(t *testing.T, worker int) {
	t.Helper()
	admin := kernel.NewAdmin()
	for _, list := range []struct {
		path   string
		remove func(int) error
	}{{"/proc/sysvipc/sem", admin.SemRemove}, {"/proc/sysvipc/msg", admin.MsgRemove}} {
		text, err := os.ReadFile(list.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			if words := strings.Fields(line); len(words) > 1 {
				id, err := strconv.Atoi(words[1])
				if err == nil {
					err = list.remove(id)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for n := range together * mostThings {
		err := admin.PosixMsgRemove(fmt.Sprintf("/scene%d.%d.%d", worker, n/mostThings, n%mostThings))
		if err != nil && !sys.Gone(err) {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{"scene*", "sem.scene*"} {
		files, err := filepath.Glob("/dev/shm/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}
