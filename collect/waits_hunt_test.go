package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// These plays look like a deadlock but are none. Somebody could end the waits, and no descriptor directory, no
// adjustment and no last pid shows this process.

// huntedPlays are plays that look like a deadlock, or unlike one.
func huntedPlays() map[string]func(*play) {
	return map[string]func(*play){
		"pipe-to-itself-handled": pipeToItself,
		"fifo-kept-open":         fifoKeptOpen,
		"fifo-keeper-waits":      func(p *play) { fifoKeeper(p, "fifo") },
		"fifo-of-two-names":      fifoOfTwoNames,
		"fifo-named-deleted":     func(p *play) { fifoKeeper(p, "fifo (deleted)") },
		"fifo-deleted":           fifoDeleted,
		"semaphore-consumer":     consumer,
		"semaphore-producer":     producer,
		"semaphore-barrier":      barrier,
		"semaphore-reset":        reset,
		"pipe-end-sent":          pipeEndSent,
		"message-to-member":      func(p *play) { messageTo(p, "a") },
		"message-to-hanging":     func(p *play) { messageTo(p, "c") },
		"pipe-end-of-thread":     pipeEndOfThread,
		"memory-not-mapped":      memoryNotMapped,
		"epoll-of-two":           epollOfTwo,
		"splice-from-file":       spliceFromFile,
		"child-whose-end":        childWhoseEnd,
		"lock-shared":            lockShared,
		"flock-and-sigio":        func(p *play) { flocksHandled(p, unix.SIGIO) },
		"flock-and-realtime":     func(p *play) { flocksHandled(p, 34) },
		"flock-and-user":         func(p *play) { flocksHandled(p, unix.SIGUSR1) },
		"io-uring":               ioUring,
		"segment-taken-along":    segmentTakenAlong,
		"thread-joined":          threadJoined,
		"flocks-of-one-inode":    flocksOfOneInode,
		"datagrams":              func(p *play) { datagrams(p, false) },
		"datagrams-elsewhere":    func(p *play) { datagrams(p, true) },
		"socket-end-shared":      func(p *play) { flockAndSocket(p, p.socketPair(), true) },
		"flock-and-socket":       func(p *play) { flockAndSocket(p, p.socketPair(), false) },
		"namespace-left":         func(p *play) { flockAndSocket(p, p.socketPairLeft(), false) },
		"child-in-container":     childInContainer,
		"poll-of-two":            pollOfTwo,
		"flock-of-threads":       flockOfThreads,
		"call-served":            callServed,
		"child-or-traced":        childOrTraced,
		"mutex-changes-hands":    mutexChangesHands,
		"mutex-not-mapped":       mutexNotMapped,
		"flocks-taker-gone":      flocksTakerGone,
		"mutex-owner-ended":      mutexOwnerEnded,
	}
}

// flocksTakerGone: c took both locks and ended, as flock(1) does for a shell. a and b have the open files. Each waits
// for the lock of the other.
func flocksTakerGone(p *play) {
	one, two := p.open("one"), p.open("two")
	ones, twos := p.open("one"), p.open("two")
	a, b, c := p.actor("a", one, twos), p.actor("b", two, ones), p.actor("c", one, two)
	c.first.Flock(one, unix.LOCK_EX).Flock(two, unix.LOCK_EX)
	c.dies = true
	a.then().Flock(twos, unix.LOCK_EX)
	b.then().Flock(ones, unix.LOCK_EX)
}

// pipeToItself: a loop without work sleeps on its own pipe. Its signal handler would wake it.
func pipeToItself(p *play) {
	r, w := p.pipe()
	fds := []unix.PollFd{{Fd: int32(r), Events: unix.POLLIN}}
	a := p.actor("a", r, w)
	p.handle(a.first, unix.SIGTERM)
	s := a.then()
	s.Raw(unix.SYS_PPOLL, s.Keep(fds, unsafe.Pointer(&fds[0])), 1, 0, 0, 8)
}

// fifoKeptOpen: a reads from a FIFO and has a write end of it itself. So it sees no end of file between two clients.
func fifoKeptOpen(p *play) {
	fd := p.fifo("fifo", unix.O_RDWR)
	p.actor("a", fd).then().Read(fd)
}

// fifoKeeper: b keeps the write end open for a. b waits for the lock that a has.
func fifoKeeper(p *play, name string) {
	p.fifo(name, unix.O_RDWR) // an open for both directions does not wait for another process
	r, w := p.fifo(name, unix.O_RDONLY), p.fifo(name, unix.O_WRONLY)
	x, y := p.open("lock"), p.open("lock")
	a, b := p.actor("a", r, x), p.actor("b", w, y)
	a.first.Flock(x, unix.LOCK_EX)
	a.then().Read(r)
	b.then().Flock(y, unix.LOCK_EX)
}

// fifoOfTwoNames: the name that they opened is gone, but the FIFO has another name.
func fifoOfTwoNames(p *play) {
	fifoKeeper(p, "fifo")
	p.j.Check(unix.Link("/dev/shm/fifo", "/dev/shm/other"))
	p.j.Check(unix.Unlink("/dev/shm/fifo"))
}

// fifoDeleted: nobody can open the FIFO any more.
func fifoDeleted(p *play) {
	fifoKeeper(p, "fifo")
	p.j.Check(unix.Unlink("/dev/shm/fifo"))
}

func (p *play) fifo(name string, flags int) int {
	path := "/dev/shm/" + name
	if err := unix.Mkfifo(path, 0o600); err != unix.EEXIST {
		p.j.Check(err)
	}
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	p.j.Check(err)
	p.fds = append(p.fds, fd)
	return fd
}

// consumer takes one item after the other with SEM_UNDO. It has taken one before, but this does not mean that it will
// give one.
func consumer(p *play) {
	id := p.sems()
	p.actor("a").then().SemOp(id, take(0, sysv.SemUndo)).SemOp(id, take(0, sysv.SemUndo))
}

// producer: c has put one item into each of two semaphores with SEM_UNDO. a has taken the item of one, and b that of
// the other. Now each waits for one more in the semaphore that the other took from.
func producer(p *play) {
	id := p.sems()
	a, b, c := p.actor("a"), p.actor("b"), p.actor("c")
	c.first.SemOp(id, sysv.SemOp{Num: 0, Op: 1, Flags: sysv.SemUndo}, sysv.SemOp{Num: 1, Op: 1, Flags: sysv.SemUndo})
	two := func(n int) sysv.SemOp { return sysv.SemOp{Num: uint16(n), Op: -2, Flags: sysv.SemUndo} }
	a.first.SemOp(id, two(0))
	b.first.SemOp(id, two(1))
	a.then().SemOp(id, take(1, sysv.SemUndo))
	b.then().SemOp(id, take(0, sysv.SemUndo))
}

// barrier: a waits for three, and b has brought one and waits for a. A third process that would bring the rest has not
// come yet.
func barrier(p *play) {
	id := p.sems()
	r, w := p.pipe()
	a, b := p.actor("a", w), p.actor("b", r)
	b.first.SemOp(id, sysv.SemOp{Num: 0, Op: 1})
	a.then().SemOp(id, sysv.SemOp{Num: 0, Op: -3})
	b.then().Read(r)
}

// reset: somebody took the semaphore. Later another process, which is gone, set it to 0. So that process did not take
// it.
func reset(p *play) {
	id := p.sems()
	a, b := p.actor("a"), p.actor("b")
	a.first.SemOp(id, take(0, 0))
	p.forked = func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for begin := time.Now().Unix(); time.Now().Unix() < begin+2; <-tick.C { // the kernel keeps whole seconds
		}
		const setValue = 16 // SETVAL
		pid, err := p.admin.StartBare(new(process.Script).Raw(unix.SYS_SEMCTL, uintptr(id), 0, setValue, 0))
		p.j.Check(err)
		_, err = unix.Wait4(pid, nil, 0, nil)
		p.j.Check(err)
	}
	b.then().SemOp(id, take(0, 0))
}

// pipeEndSent: this process also gets b's end of the pipe, when it reads its socket.
func pipeEndSent(p *play) {
	p.flockAndPipe(false)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	p.j.Check(err)
	p.j.Check(unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(p.fds[1]), nil, 0))
}

// pipeEndOfThread: a thread of this process has kept its own descriptor table, which has the end and the open files of
// the lock. So both wait for this process.
func pipeEndOfThread(p *play) {
	p.flockAndPipe(false)
	done := make(chan error)
	kerneltest.OnOtherThread(func() {
		done <- unix.Unshare(unix.CLONE_FILES)
		select {}
	})
	p.j.Check(<-done)
}

// memoryNotMapped: c has a descriptor of the memory, and can map it at any time.
func memoryNotMapped(p *play) {
	fd, err := unix.MemfdCreate("words", unix.MFD_CLOEXEC)
	p.j.Check(err)
	p.j.Check(unix.Ftruncate(fd, 4096))
	m, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	p.j.Check(err)
	p.fds = append(p.fds, fd)
	p.forked = func() { p.j.Check(unix.Munmap(m)) }
	a, b, c := p.actor("a"), p.actor("b"), p.actor("c", fd)
	c.first.Raw(unix.SYS_MUNMAP, uintptr(unsafe.Pointer(&m[0])), 4096)
	for i, s := range []*process.Script{a.then(), b.then()} {
		const futexWait = 0
		s.Raw(unix.SYS_FUTEX, s.Keep(m, unsafe.Pointer(&m[i*4])), futexWait, 0, 0)
	}
}

// epollOfTwo: a waits only for b. But c has the epoll instance as well, and can add a target.
func epollOfTwo(p *play) {
	r, w := p.pipe()
	x, y := p.open("lock"), p.open("lock")
	e, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	p.j.Check(err)
	p.j.Check(unix.EpollCtl(e, unix.EPOLL_CTL_ADD, r, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(r)}))
	p.fds = append(p.fds, e)
	a, b := p.actor("a", e, r, x), p.actor("b", w, y)
	p.actor("c", e)
	a.first.Flock(x, unix.LOCK_EX)
	event := new(unix.EpollEvent)
	a.then().Raw(unix.SYS_EPOLL_PWAIT, uintptr(e), a.then().Keep(event, unsafe.Pointer(event)), 1, ^uintptr(0), 0, 8)
	b.then().Flock(y, unix.LOCK_EX)
}

// spliceFromFile: a moves a file into a pipe until the pipe is full. b has the other end, and waits for the lock that a
// has.
func spliceFromFile(p *play) {
	r, w := p.pipe()
	file := p.open("file")
	p.j.Check(unix.Ftruncate(file, 1<<20))
	x, y := p.open("lock"), p.open("lock")
	a, b := p.actor("a", w, file, x), p.actor("b", r, y)
	a.first.Flock(x, unix.LOCK_EX)
	for range 2 { // the first call fills the pipe
		a.then().Raw(unix.SYS_SPLICE, uintptr(file), 0, uintptr(w), 0, 1<<20, 0)
	}
	b.then().Flock(y, unix.LOCK_EX)
}

// childWhoseEnd: a waits only for b. But a handles SIGCHLD, and has a child that may end.
func childWhoseEnd(p *play) {
	r, w := p.pipe()
	one := p.open("one")
	a, b := p.actor("a", r, one), p.actor("b", w, one)
	p.handle(a.first, unix.SIGCHLD)
	p.sleepingChild(a.first, 0)
	setlkw(a.first, unix.F_SETLKW, one) // the child does not inherit the lock
	a.then().Read(r)
	setlkw(b.then(), unix.F_SETLKW, one)
}

// handle installs a signal handler that nothing calls.
func (p *play) handle(s *process.Script, signal unix.Signal) {
	action := &[4]uint64{1 << 20} // struct sigaction
	s.Raw(unix.SYS_RT_SIGACTION, uintptr(signal), s.Keep(action, unsafe.Pointer(action)), 0, 8)
}

// sleepingChild clones a child, which sleeps in a futex for a time. The page holds the pid of the child only in the
// parent, so the parent goes on.
func (p *play) sleepingChild(s *process.Script, flags uintptr) {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	p.j.Check(err)
	at := s.Keep(page, unsafe.Pointer(&page[0]))
	const futexWaitPrivate = 128
	end := &unix.Timespec{Sec: 1 << 30}
	s.Raw(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD)|unix.CLONE_PARENT_SETTID, 0, at).Raw(unix.SYS_FUTEX, at,
		futexWaitPrivate, 0, s.Keep(end, unsafe.Pointer(end)))
}

// flocksHandled: a reads from b, and b waits for the lock that a has. a handles a signal.
func flocksHandled(p *play, signal unix.Signal) {
	r, w := p.pipe()
	x, y := p.open("lock"), p.open("lock")
	a, b := p.actor("a", r, x), p.actor("b", w, y)
	a.first.Flock(x, unix.LOCK_EX)
	p.handle(a.first, signal)
	a.then().Read(r)
	b.then().Flock(y, unix.LOCK_EX)
}

// callServed: a reads what b has written, after the supervisor of its calls allows it (seccomp_unotify(2)).
func callServed(p *play) {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_READ},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	r, w := p.pipe()
	x, y := p.open("lock"), p.open("lock")
	a, b := p.actor("a", r, x), p.actor("b", w, y)
	a.first.Flock(x, unix.LOCK_EX)
	b.first.Write(w, 1)
	a.then().Raw(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	a.then().Raw(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER,
		a.then().Keep(program, unsafe.Pointer(program)))
	a.then().Read(r)
	b.then().Flock(y, unix.LOCK_EX)
}

// flockOfThreads: a waits for a lock of this process. Any thread of this process could unlock it.
func flockOfThreads(p *play) {
	one := p.open("one")
	a := p.actor("a", one)
	mine := p.open("one")
	p.fds = []int{one}
	p.j.Check(unix.Flock(mine, unix.LOCK_EX))
	a.then().Flock(one, unix.LOCK_EX)
	p.settled = func() string { return fmt.Sprintf("b=%d", os.Getpid()) }
}

// pollOfTwo: a waits for a pipe of b and for a pipe of c.
func pollOfTwo(p *play) {
	r, w := p.pipe()
	r2, w2 := p.pipe()
	fds := []unix.PollFd{{Fd: int32(r), Events: unix.POLLIN}, {Fd: int32(r2), Events: unix.POLLIN}}
	s := p.actor("a", r, r2).then()
	s.Raw(unix.SYS_PPOLL, s.Keep(fds, unsafe.Pointer(&fds[0])), 2, 0, 0, 8)
	p.actor("b", w)
	p.actor("c", w2)
}

// childInContainer: c holds a lock and waits for its child b. b waits for the lock, and c knows b by its number in
// their pid namespace. c is the first process there, so b is number 2.
func childInContainer(p *play) {
	one := p.open("one")
	a := p.actor("a", one)
	s := a.then()
	p.childGoesOn(s, unix.CLONE_NEWPID)
	setlkw(s, unix.F_SETLKW, one)
	s.Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	setlkw(s, unix.F_SETLKW, one) // c has the lock
	s.Raw(unix.SYS_WAIT4, 2, 0, 0, 0)
	p.settled = func() string {
		c := p.childOf(a.pid)
		return fmt.Sprintf("c=%d b=%d", c, p.childOf(c))
	}
}

// childGoesOn clones a child, which does the calls after it. The parent sleeps in a futex for a time.
func (p *play) childGoesOn(s *process.Script, flags uintptr) {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	p.j.Check(err)
	at := s.Keep(page, unsafe.Pointer(&page[0]))
	const futexWaitPrivate = 128
	// The page holds the pid of the child only in the child. So the futex does not wait there. The place of the address
	// in the arguments differs between architectures.
	end := &unix.Timespec{Sec: 1 << 30}
	s.Raw(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD)|unix.CLONE_CHILD_SETTID, 0, 0, at, at).Raw(unix.SYS_FUTEX, at,
		futexWaitPrivate, 0, s.Keep(end, unsafe.Pointer(end)))
}

// childOf waits for the only child of a process, and returns it.
func (p *play) childOf(pid int) (child int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		p.j.Check(err)
		if _, err := fmt.Sscan(string(text), &child); err == nil {
			return child
		}
	}
}

// flockAndSocket: a holds the lock and reads from b, and b waits for the lock. With shared, c has the socket end of a
// as well, and could shut it down.
func flockAndSocket(p *play, pair [2]int, shared bool) {
	x, y := p.open("lock"), p.open("lock")
	a, b := p.actor("a", pair[0], x), p.actor("b", pair[1], y)
	a.first.Flock(x, unix.LOCK_EX)
	a.then().Read(pair[0])
	b.then().Flock(y, unix.LOCK_EX)
	if shared {
		p.actor("c", pair[0])
	}
}

func (p *play) socketPair() [2]int {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	p.j.Check(err)
	p.fds = append(p.fds, pair[0], pair[1])
	return pair
}

// socketPairLeft makes two sockets in a network namespace that no process is in any longer.
func (p *play) socketPairLeft() (pair [2]int) {
	done := make(chan struct{})
	kerneltest.OnOtherThread(func() {
		p.j.Check(unix.Unshare(unix.CLONE_NEWNET))
		pair = p.socketPair()
		close(done)
	})
	<-done
	return pair
}

// datagrams: a holds the lock and sends to its peer b, and b waits for the lock. With elsewhere, a sends to the address
// of c, and b is only the peer.
func datagrams(p *play, elsewhere bool) {
	bound := func(name string) (fd int, address []byte) {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		p.j.Check(err)
		p.fds = append(p.fds, fd)
		path := "/dev/shm/" + name
		p.j.Check(unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
		return fd, append(binary.NativeEndian.AppendUint16(nil, unix.AF_UNIX), path+"\x00"...)
	}
	from, _ := bound("from")
	peer, _ := bound("peer")
	other, address := bound("other")
	p.j.Check(unix.Connect(from, &unix.SockaddrUnix{Name: "/dev/shm/peer"}))
	x, y := p.open("lock"), p.open("lock")
	a, b := p.actor("a", from, x), p.actor("b", peer, y)
	a.first.Flock(x, unix.LOCK_EX)
	if !elsewhere {
		address = nil
	} else {
		p.actor("c", other)
	}
	data := make([]byte, 100<<10)
	s := a.then()
	for range 8 { // more than a socket sends before somebody receives: SO_SNDBUF, 208 KiB
		s.Raw(unix.SYS_SENDTO, uintptr(from), s.Keep(data, unsafe.Pointer(&data[0])), uintptr(len(data)), 0,
			s.Keep(address, unsafe.Pointer(unsafe.SliceData(address))), uintptr(len(address)))
	}
	b.then().Flock(y, unix.LOCK_EX)
}

// flocksOfOneInode: two threads of this process wait for locks on two files. The files are on two file systems and have
// the same inode number.
func flocksOfOneInode(p *play) {
	var tids [2]chan int
	var inodes [2]uint64
	for i, name := range []string{"one", "two"} {
		dir := "/dev/shm/" + name
		p.j.Check(os.Mkdir(dir, 0o700))
		p.j.Check(unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
		taken, mine := p.open(name+"/file"), p.open(name+"/file")
		p.fds = p.fds[:len(p.fds)-1]
		var st unix.Stat_t
		p.j.Check(unix.Fstat(mine, &st))
		inodes[i], tids[i] = st.Ino, make(chan int, 1)
		p.actor(string(rune('a'+i)), taken).first.Flock(taken, unix.LOCK_EX)
		go func() {
			runtime.LockOSThread()
			for unix.Flock(mine, unix.LOCK_EX|unix.LOCK_NB) == nil { // the actor does not have the lock yet
				p.j.Check(unix.Flock(mine, unix.LOCK_UN))
				runtime.Gosched()
			}
			tids[i] <- unix.Gettid()
			p.j.Check(unix.Flock(mine, unix.LOCK_EX))
		}()
	}
	if inodes[0] != inodes[1] {
		p.j.Check(fmt.Errorf("the files have inodes %d and %d", inodes[0], inodes[1]))
	}
	p.settled = func() string { return fmt.Sprintf("one=%d two=%d", <-tids[0], <-tids[1]) }
}

// threadJoined: a thread of this process waits for the end of another, as in pthread_join.
func threadJoined(p *play) {
	memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	p.j.Check(err)
	tids := make(chan int, 2)
	go func() {
		runtime.LockOSThread()
		tids <- unix.Gettid()
		select {}
	}()
	joined := <-tids
	binary.NativeEndian.PutUint32(memory, uint32(joined))
	go func() {
		runtime.LockOSThread()
		tids <- unix.Gettid()
		const futexWait = 0
		_, _, e := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&memory[0])), futexWait,
			uintptr(joined), 0, 0, 0)
		p.j.Check(e)
	}()
	p.settled = func() string { return fmt.Sprintf("joiner=%d joined=%d", <-tids, joined) }
}

// segmentTakenAlong: a waits for a futex in a removed segment, and b waits for a. c has the segment as well, in its own
// IPC namespace.
func segmentTakenAlong(p *play) {
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600)
	p.j.Check(err)
	m, err := unix.SysvShmAttach(id, 0, 0)
	p.j.Check(err)
	_, err = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	p.j.Check(err)
	p.forked = func() { p.j.Check(unix.SysvShmDetach(m)) }
	r, w := p.pipe()
	a, b, c := p.actor("a", w), p.actor("b", r), p.actor("c")
	at := a.first.Keep(m, unsafe.Pointer(&m[0]))
	c.first.Raw(unix.SYS_UNSHARE, unix.CLONE_NEWIPC)
	const futexWait = 0
	a.then().Raw(unix.SYS_FUTEX, at, futexWait, 0, 0)
	b.then().Read(r)
}

// ioUring: a reads from b, and b waits for the lock that a has. b may have asked its io_uring to write later.
func ioUring(p *play) {
	ring, err := newIOUring()
	p.j.Check(err)
	r, w := p.pipe()
	p.fds = append(p.fds, ring)
	x, y := p.open("lock"), p.open("lock")
	a, b := p.actor("a", r, x), p.actor("b", w, y, ring)
	a.first.Flock(x, unix.LOCK_EX)
	a.then().Read(r)
	b.then().Flock(y, unix.LOCK_EX)
}

func newIOUring() (fd int, err error) {
	var params [120]byte // struct io_uring_params
	n, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&params)), 0)
	if e != 0 {
		return -1, fmt.Errorf("io_uring_setup: %w", e)
	}
	return int(n), nil
}

// openIOUring makes an io_uring. It skips the test if the host refuses one.
func openIOUring(t *testing.T) (fd int) {
	t.Helper()
	fd, err := newIOUring()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Skip("needs io_uring, which this host refuses: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// lockShared: a and b wait for the locks of each other. But a shares its descriptors, and so its POSIX lock, with a
// child.
func lockShared(p *play) {
	one, twos := p.open("one"), p.open("two")
	ones, two := p.open("one"), p.open("two")
	a, b := p.actor("a", one, twos), p.actor("b", ones, two)
	setlkw(a.first, unix.F_SETLKW, one)
	p.sleepingChild(a.first, unix.CLONE_FILES)
	b.first.Flock(two, unix.LOCK_EX)
	a.then().Flock(twos, unix.LOCK_EX)
	setlkw(b.then(), unix.F_SETLKW, ones)
}

// childOrTraced: a waits for its child, and the child waits for a. But the wait of a also reports c, which a traces
// (man 2 ptrace).
func childOrTraced(p *play) {
	s := new(process.Script)
	for fd := range mostFDs {
		s.Close(fd)
	}
	pid, err := p.admin.StartBare(s.Sleep(process.Forever))
	p.j.Check(err)
	p.child(pid)
	child := p.settled
	p.settled = func() string { return fmt.Sprintf("%s c=%d", child(), pid) }
}

// mutexChangesHands: each of a and b waits for a mutex that the other owns. A signal makes c take the mutex of b. a
// sleeps on and does not notice.
func mutexChangesHands(p *play) {
	m := p.mutexes(2)
	r, w := p.pipe()
	a, b, c := p.actor("a"), p.actor("b"), p.actor("c", r)
	p.forked = func() {
		m.lockedBy(0, a.pid)
		m.lockedBy(1, b.pid)
		p.j.Check(unix.Munmap(m.memory))
		_, err := unix.Write(w, binary.NativeEndian.AppendUint32(nil, uint32(c.pid)))
		p.j.Check(err)
	}
	m.lock(a.then(), 1, nil)
	m.lock(b.then(), 0, nil)
	signals := new(uint64)
	*signals = 1 << (unix.SIGUSR1 - 1)
	set := c.first.Keep(signals, unsafe.Pointer(signals))
	c.first.Raw(unix.SYS_RT_SIGPROCMASK, 0, set, 0, 8)
	c.then().Raw(unix.SYS_RT_SIGTIMEDWAIT, set, 0, 0, 8)
	c.then().Raw(unix.SYS_READ, uintptr(r), c.first.Keep(m.memory, unsafe.Pointer(&m.memory[mutexSize+8])), 4)
}

// mutexNotMapped: c owns the mutex, and does not map the memory for a while.
func mutexNotMapped(p *play) {
	m := p.mutexes(1)
	b, c := p.actor("b"), p.actor("c")
	p.forked = func() {
		m.lockedBy(0, c.pid)
		p.j.Check(unix.Munmap(m.memory))
	}
	m.lock(b.then(), 0, nil)
	c.first.Raw(unix.SYS_MUNMAP, uintptr(unsafe.Pointer(&m.memory[0])), uintptr(len(m.memory)))
}

func TestWaitsThatOthersCouldEnd(t *testing.T) {
	for _, test := range []struct{ play, want string }{
		{"pipe-to-itself-handled", `
a open
`},
		{"fifo-kept-open", `
a open
`},
		{"fifo-keeper-waits", `
a waits
  b waits
`},
		{"fifo-of-two-names", `
a waits
  b waits
`},
		{"fifo-named-deleted", `
a waits
  b waits
`},
		{"semaphore-consumer", `
a open
`},
		{"semaphore-producer", `
c runs
  a waits
  b waits
`},
		{"semaphore-barrier", `
a open
  b waits
`},
		{"semaphore-reset", `
b open
`},
		{"pipe-end-sent", `
a waits
  b waits
warning inferred deadlock: a b
`},
		{"pipe-end-of-thread", `
  a waits
  b waits
`},
		{"memory-not-mapped", `
c runs
  a waits
  b waits
`},
		{"epoll-of-two", `
c runs
  a waits
    b waits
`},
		{"child-or-traced", `
c runs
  a waits
    b waits
`},
		{"lock-shared", `
  b waits
    a waits
`},
		{"mutex-not-mapped", `
c runs
  b waits
`},
		{"socket-end-shared", `
c runs
  a waits
    b waits
`},
		{"datagrams-elsewhere", `
a waits
  b waits
`},
		{"segment-taken-along", `
c runs
  a waits
    b waits
`},
		{"call-served", `
a runs
  b waits
`},
		{"flock-and-sigio", `
a waits
  b waits
`},
		{"flock-and-realtime", `
a waits
  b waits
`},
		{"child-whose-end", `
  a waits
    b waits
`},
	} {
		t.Run(test.play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				if test.play == "semaphore-producer" && undoProof(t) != schema.Observed {
					t.Skip("needs BPF: without adjustments it looks like two who wait for each other, and is called " +
						"likely to be that")
				}
				perform(t, test.play).shows(strings.TrimPrefix(test.want, "\n"))
			})
		})
	}
}

// A lock outlives the process that took it. /proc/locks still names this process.
func TestWaitsForLocksWhoseTakerIsGone(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		perform(t, "flocks-taker-gone").shows("a deadlock\n  b deadlock\ncritical inferred deadlock: a b\n")
	})
}

// A process may handle a signal that only another process sends. This is no way out of a deadlock.
func TestWaitsOfOneWhoHandlesASignal(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		perform(t, "flock-and-user").shows("a deadlock\n  b deadlock\ncritical inferred deadlock: a b\n")
	})
}

// A debugger may stop one thread while the others go on.
func TestWaitsForAProcessWithATracedThread(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "flock-of-threads")
		kerneltest.Eventually(t, "a to wait", func() bool { return strings.Contains(s.look(), "a waits\n") })
		runtime.LockOSThread() // the tracer is a thread, not a process
		defer runtime.UnlockOSThread()
		if err := errors.Join(unix.PtraceSeize(s.pids["b"]), unix.PtraceInterrupt(s.pids["b"])); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Wait4(s.pids["b"], nil, unix.WALL, nil); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if got := s.look(); !strings.Contains(got, "a waits\n") {
				t.Errorf("with the first thread of b held:\n%s", got)
			}
		}
		if err := unix.PtraceDetach(s.pids["b"]); err != nil {
			t.Fatal(err)
		}
	})
}

// A process can end a poll of several objects only by the objects that it has.
func TestWaitsForOneOfSeveral(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "poll-of-two")
		kerneltest.Eventually(t, "an edge to each pipe", func() bool {
			snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Edges: true})
			ends := map[string][]schema.Ref{}
			for _, e := range snap.Edges {
				switch {
				case e.Rel == schema.RelCouldEnd:
					ends[s.names[int(e.From.ID)]] = append(ends[s.names[int(e.From.ID)]], e.To)
				case e.Rel == schema.RelWaitsOn && s.names[int(e.From.ID)] == "a":
					ends["a"] = append(ends["a"], e.To)
				}
			}
			return len(ends["a"]) == 2 && gocmp.Equal(ends["b"], ends["a"][:1]) && gocmp.Equal(ends["c"], ends["a"][1:])
		})
	})
}

func TestWaitsForSockets(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		for _, play := range []string{"flock-and-socket", "datagrams", "namespace-left"} {
			s := perform(t, play)
			s.shows("a deadlock\n  b deadlock\ncritical inferred deadlock: a b\n")
			s.worker.Kill()
		}
	})
}

// An io_uring works for its process while the process sleeps.
func TestWaitsForOneWithAnIOUring(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		unix.Close(openIOUring(t))
		perform(t, "io-uring").shows("a waits\n  b waits\n")
	})
}

// A thread that joins another thread waits only for that thread.
func TestWaitsForTheEndOfAThread(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "thread-joined")
		kerneltest.Eventually(t, "the wait for the thread", func() bool {
			snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}})
			for _, o := range snap.Objects[schema.Wait] {
				if r := o.Row.(*waits.Row); r.Task.TID == s.pids["joiner"] && r.Task.Wait.Via == "the end of a thread" {
					want := []relate.Ender{{Proc: r.Task.Proc, TID: s.pids["joined"], How: "is that thread",
						Proof: schema.Observed}}
					return gocmp.Equal(want, r.Task.Wait.Enders) && r.Task.Wait.Open == ""
				}
			}
			return false
		})
	})
}

// A process knows its children by the numbers of its own pid namespace.
func TestWaitsForAChildInAContainer(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		perform(t, "child-in-container").shows("c deadlock\n  b deadlock\na timed\ncritical observed deadlock: b c\n")
	})
}

// For a thread that waits for a lock, the kernel names only the process.
func TestWaitsOfAFileSplicedIntoAFullPipe(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		perform(t, "splice-from-file").shows("a deadlock\n  b deadlock\ncritical inferred deadlock: a b\n")
	})
}

func TestWaitsOfThreadsForLocks(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "flocks-of-one-inode")
		for _, name := range []string{"one", "two"} {
			want := "flock /dev/shm/" + name + "/file"
			kerneltest.Eventually(t, name+" to wait", func() bool {
				snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}})
				for _, o := range snap.Objects[schema.Wait] {
					if r := o.Row.(*waits.Row); r.Task.TID == s.pids[name] && r.Task.Wait.Call == "flock" {
						if r.Task.Wait.Via != want {
							t.Fatalf("thread %s waits for %q", name, r.Task.Wait.Via)
						}
						return true
					}
				}
				return false
			})
		}
	})
}

// A FIFO without a name is like a pipe.
func TestWaitsForAFIFOWithoutAName(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		perform(t, "fifo-deleted").shows("a deadlock\n  b deadlock\ncritical inferred deadlock: a b\n")
	})
}

// A thread sleeps on a word in shared memory. The word changes while the thread does not run.
func TestWaitsForAMutexThatChangesHands(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "mutex-changes-hands")
		s.shows("a deadlock\n  b deadlock\ncritical inferred deadlock: a b\n")
		if err := unix.Kill(s.pids["c"], unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		kerneltest.Eventually(t, "c to own the mutex",
			func() bool { return s.look() == "c runs\n  a waits\n    b waits\n" })
	})
}
