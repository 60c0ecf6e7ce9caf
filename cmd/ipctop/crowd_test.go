package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// A crowd is a machine of its own: new IPC, PID, mount and network namespaces with these processes and objects. A
// worker is its pid 1, makes the crowd, and runs programs in the crowd. The crowd ends with the worker.
type crowd struct {
	processes              int // with 50 descriptors each: pipes, UNIX sockets and /dev/null
	waiters                int // processes that read one pipe; each could also write to the pipe
	queues, sets, segments int
	lockWaiters            int // processes that wait for the lock (flock) on one file
	locks                  int // POSIX locks of one process on one file
}

// The files of a process in the crowd: 3 + 5 of /dev/null, and both ends of these pipes and socket pairs.
const (
	nullsOfEach = 8
	pipesOfEach = 11
	pairsOfEach = 10
)

// start makes the crowd. programs is the directory of the programs that run there.
func (c crowd) start(b *testing.B, programs string) *kerneltest.Worker {
	b.Helper()
	args := []string{programs}
	for _, n := range []int{c.processes, c.waiters, c.queues, c.sets, c.segments, c.lockWaiters, c.locks} {
		args = append(args, strconv.Itoa(n))
	}
	const spaces = unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET
	return kerneltest.StartIn(b, spaces, "crowd", args...)
}

// spent is what one run of a program took.
type spent struct {
	cpu, wall time.Duration // cpu is the time of the user and of the kernel together
	kilobytes int64         // peak memory; not less than the worker's own, from which the kernel counts (fs/exec.c)
}

// runIn runs a command line in the crowd and drops its output. Variables can stand before the command.
func runIn(b *testing.B, crowd *kerneltest.Worker, command string) spent {
	b.Helper()
	crowd.Say(command)
	var s spent
	words := crowd.Read()
	if _, err := fmt.Sscan(strings.Join(words, " "), &s.cpu, &s.wall, &s.kilobytes); err != nil {
		b.Fatalf("%s: %q", command, words)
	}
	return s
}

// crowdWorker is the worker of a crowd. It answers each command line with what the run took.
func crowdWorker(j *kerneltest.Job) {
	programs := j.Args[0]
	var sizes []int
	for _, word := range j.Args[1:] {
		n, err := strconv.Atoi(word)
		j.Check(err)
		sizes = append(sizes, n)
	}
	mountCrowd(j, programs)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	j.Check(err)
	notes, err := os.CreateTemp("", "stderr")
	j.Check(err)
	makeProcesses(j, null, sizes[0])
	makeWaiters(j, null, sizes[1])
	makeObjects(j, sizes[2], sizes[3], sizes[4])
	makeLockWaiters(j, null, sizes[5])
	makeLocks(j, sizes[6])
	j.Ready()
	for {
		s := spend(j, null, notes, programs, strings.Fields(j.Wait()))
		j.Ready(int64(s.cpu), int64(s.wall), s.kilobytes)
	}
}

// mountCrowd gives the crowd its own /proc, and empty folders where ipctop looks for files. The programs stay.
func mountCrowd(j *kerneltest.Job, programs string) {
	kept, err := unix.Open(programs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	j.Check(err)
	defer unix.Close(kept)
	j.Check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	for _, m := range []struct{ target, kind string }{
		{"/tmp", "tmpfs"}, {"/var/tmp", "tmpfs"}, {"/dev/shm", "tmpfs"}, {"/dev/mqueue", "mqueue"}, {"/proc", "proc"},
	} {
		if _, err := os.Stat(m.target); err == nil {
			j.Check(unix.Mount(m.kind, m.target, m.kind, unix.MS_NOSUID|unix.MS_NODEV, ""))
		}
	}
	j.Check(os.MkdirAll(programs, 0o755))
	j.Check(unix.Mount("/proc/self/fd/"+strconv.Itoa(kept), programs, "", unix.MS_BIND, ""))
}

func makeProcesses(j *kerneltest.Job, null *os.File, processes int) {
	for range processes {
		var files []uintptr
		for range nullsOfEach {
			files = append(files, null.Fd())
		}
		for range pipesOfEach {
			var p [2]int
			j.Check(unix.Pipe2(p[:], unix.O_CLOEXEC))
			files = append(files, uintptr(p[0]), uintptr(p[1]))
		}
		for range pairsOfEach {
			p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			j.Check(err)
			files = append(files, uintptr(p[0]), uintptr(p[1]))
		}
		sleeping(j, files, "sleep", "1000000")
		for _, fd := range files[nullsOfEach:] {
			unix.Close(int(fd))
		}
	}
}

func makeWaiters(j *kerneltest.Job, null *os.File, waiters int) {
	var p [2]int
	j.Check(unix.Pipe2(p[:], unix.O_CLOEXEC))
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	for range waiters {
		sleeping(j, []uintptr{uintptr(p[0]), null.Fd(), null.Fd(), uintptr(p[1])}, "cat")
	}
}

func makeLockWaiters(j *kerneltest.Job, null *os.File, waiters int) {
	if waiters == 0 {
		return
	}
	file, err := unix.Open("/tmp/flock", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600) // stays open, locked
	j.Check(err)
	j.Check(unix.Flock(file, unix.LOCK_EX))
	for range waiters {
		sleeping(j, []uintptr{null.Fd(), null.Fd(), null.Fd()}, "flock", "/tmp/flock", "true")
	}
}

// makeLocks locks every other byte of a file, so that the kernel does not join the locks.
func makeLocks(j *kerneltest.Job, locks int) {
	if locks == 0 {
		return
	}
	file, err := unix.Open("/tmp/locked", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600) // stays open: close unlocks
	j.Check(err)
	for i := range locks {
		lock := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(2 * i), Len: 1}
		j.Check(unix.FcntlFlock(uintptr(file), unix.F_SETLK, &lock))
	}
}

// sleeping starts a program and waits until it sleeps in a system call.
func sleeping(j *kerneltest.Job, files []uintptr, args ...string) {
	path, err := exec.LookPath(args[0])
	j.Check(err)
	// os/exec is no choice: it would keep a pidfd of each process.
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{Env: os.Environ(), Files: files})
	j.Check(err)
	for deadline := time.Now().Add(kerneltest.Patience); !kerneltest.Asleep(pid, args[0]); {
		if time.Now().After(deadline) {
			j.Check(fmt.Errorf("%s does not sleep", args[0]))
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func makeObjects(j *kerneltest.Job, queues, sets, segments int) {
	a := kernel.NewAdmin()
	make := func(count int, one func(key uint32) (int, error)) {
		for i := range count {
			_, err := one(uint32(i + 1))
			j.Check(err)
		}
	}
	make(queues, func(key uint32) (int, error) { return a.MsgGet(key, sysv.IPCCreat|0o600) })
	make(sets, func(key uint32) (int, error) { return a.SemGet(key, 1, sysv.IPCCreat|0o600) })
	make(segments, func(key uint32) (int, error) { return a.ShmGet(key, 1, sysv.IPCCreat|0o600) })
}

// spend runs a command of the programs' directory, or else of the PATH. An exit code of 1 is no failure: lsof has it
// for what lsof could not read, and the doctor for a critical finding. notes is the command's standard error.
func spend(j *kerneltest.Job, null, notes *os.File, programs string, words []string) spent {
	env := os.Environ()
	for strings.Contains(words[0], "=") {
		env, words = append(env, words[0]), words[1:]
	}
	path := filepath.Join(programs, words[0])
	if _, err := os.Stat(path); err != nil {
		path, err = exec.LookPath(words[0])
		j.Check(err)
	}
	j.Check(notes.Truncate(0))
	files := []uintptr{null.Fd(), null.Fd(), notes.Fd()}
	begin := time.Now()
	pid, err := syscall.ForkExec(path, words, &syscall.ProcAttr{Env: env, Files: files})
	j.Check(err)
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		if _, err = syscall.Wait4(pid, &status, 0, &usage); err != syscall.EINTR {
			break
		}
	}
	wall := time.Since(begin)
	j.Check(err)
	if status.Signaled() || status.ExitStatus() > 1 {
		text, _ := os.ReadFile(notes.Name())
		j.Check(fmt.Errorf("%q: signal %v, exit code %d: %s", words, status.Signal(), status.ExitStatus(), text))
	}
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	return spent{cpu: cpu, wall: wall, kilobytes: int64(usage.Maxrss)}
}
