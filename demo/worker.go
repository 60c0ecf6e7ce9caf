package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// The descriptors that a worker inherits.
const (
	reportFD   = 3 + iota // write end: messages to the starter
	lifelineFD            // read end: it hangs up when the main process has ended
	journalFD
	extraFD // the first descriptor of the scenario
)

// workerFlag marks the command line of a worker: PROGRAM demo --worker SCENARIO/ROLE ARG...
const workerFlag = "--worker"

// message is one message from a worker to its starter.
type message struct {
	Object *Object `json:"object,omitempty"`
	Ready  bool    `json:"ready,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// role is a worker, as it sees itself.
type role struct {
	scenario Scenario
	args     []string
	report   *os.File
	journal  journal
	lifeline *os.File // kept here: the garbage collector closes the descriptor of a lost File
	host     *kernel.Host
	admin    *kernel.Admin

	mu       sync.Mutex
	children []*child // end ends and reaps them
}

// Worker runs the demo worker that args (os.Args) name. ok is false if args name none: then the program goes on as
// usual. Call it first in main and in TestMain, and exit with the code.
func Worker(args []string) (code int, ok bool) {
	if len(args) < 4 || args[1] != "demo" || args[2] != workerFlag {
		return 0, false
	}
	// /proc/PID/syscall and wchan show only the main thread. So the worker must block in the main thread.
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		// The thread that calls exec becomes the main thread (man 2 execve).
		err := unix.Exec("/proc/self/exe", args, os.Environ())
		fmt.Fprintln(os.Stderr, "ipctop: start a demo worker:", err)
		return 1, true
	}
	r, err := newRole(args[3], args[4:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "ipctop: demo worker:", err)
		return 2, true
	}
	_, name, _ := strings.Cut(args[3], "/")
	if err := r.run(name); err != nil {
		r.send(message{Error: err.Error()})
		r.end(1)
	}
	r.end(0)
	return 0, true
}

func newRole(name string, args []string) (*role, error) {
	scenario, _, _ := strings.Cut(name, "/")
	chosen, err := choose([]string{scenario})
	if err != nil {
		return nil, err
	}
	for fd := range extraFD {
		if fd < reportFD {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, fmt.Errorf("workers are started by ipctop demo itself: descriptor %d: %w", fd, err)
		}
	}
	host, err := kernel.Open("")
	if err != nil {
		return nil, err
	}
	return &role{
		host: host, admin: kernel.NewAdmin(),
		scenario: chosen[0],
		args:     args,
		report:   os.NewFile(reportFD, "report"),
		journal:  newJournal(os.NewFile(journalFD, "journal")),
		lifeline: os.NewFile(lifelineFD, "lifeline"),
	}, nil
}

// run names the process, records it and runs its role.
func (r *role) run(name string) error {
	play := r.scenario.roles[name]
	if play == nil {
		return fmt.Errorf("scenario %s has no role %q", r.scenario.Name, name)
	}
	// A write to /proc/self/comm names the main thread, even if another thread writes (man 5 proc_pid_comm). The kernel
	// keeps 15 bytes.
	if err := os.WriteFile("/proc/self/comm", []byte("demo-"+name), 0); err != nil {
		return err
	}
	if err := r.journal.process(os.Getpid()); err != nil {
		return err
	}
	go func() {
		r.awaitEnd()
		r.end(0)
	}()
	return play(r)
}

// awaitEnd returns when nobody holds the write end of the lifeline any more. It polls and does not read, so that the
// workers do not look like waiters for data.
func (r *role) awaitEnd() {
	for {
		fds := []unix.PollFd{{Fd: lifelineFD}} // poll always reports POLLHUP (man 2 poll)
		if n, err := unix.Poll(fds, -1); n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

// park keeps the worker alive until the demo ends. The worker reports nothing after this.
func (r *role) park() error {
	r.report.Close()
	r.awaitEnd()
	return nil
}

// end ends and reaps the children, and then ends this process.
func (r *role) end(code int) {
	r.mu.Lock() // never unlocked: only one goroutine may end the process
	for _, c := range r.children {
		c.process.Kill()
		c.process.Wait()
	}
	// There is nothing to flush. os.Exit would wait for a second under the race detector.
	syscall.Exit(code)
}

// object reports an object of the worker. A PID of 0 becomes the pid of the worker.
func (r *role) object(o Object) {
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
	o.Scenario = r.scenario.Name
	r.send(message{Object: &o})
}

// settled is the last ready, before the worker blocks or stops. The worker reports nothing after this. It closes the
// report, which would otherwise be shown as one more pipe without a reader.
func (r *role) settled() {
	r.ready()
	r.report.Close()
}

// ready tells the starter that the worker has reached the next stage.
func (r *role) ready() { r.send(message{Ready: true}) }

// send sends a message to the starter. An error means that the main process is gone. Then the lifeline ends this
// process.
func (r *role) send(m message) {
	line, err := json.Marshal(m)
	if err != nil {
		line = []byte(`{"error":"a message that is no JSON"}`)
	}
	r.report.Write(append(line, '\n'))
}

// start starts a child of this worker. The child ends with the worker.
func (r *role) start(name string, attr syscall.SysProcAttr) (*child, error) {
	// The kernel sends the signal at the end of the thread that forked (man 2 PR_SET_PDEATHSIG). This goroutine runs on
	// the main thread. A stopped child cannot watch the lifeline, but SIGKILL ends it.
	attr.Pdeathsig = syscall.SIGKILL
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := startWorker(start{scenario: r.scenario.Name, role: name, lifeline: r.lifeline, journal: r.journal.file,
		attr: attr})
	if err != nil {
		return nil, err
	}
	r.children = append(r.children, c)
	return c, nil
}

// startBare starts a child with a single thread. The child runs the script and then sleeps, and it ends with this
// worker. The caller must be the main thread. A worker in Go is never stuck as a whole, because some of its threads
// wake up by themselves.
//
// in and out become the standard input and output of the child; nil: the worker's own. The child also has standard
// error, and no other descriptor.
func (r *role) startBare(name string, in, out *os.File, script *process.Script) (pid int, err error) {
	const maxFDs = 64 // largest number of descriptors of a worker
	whole := new(process.Script).Name("demo-"+name).Raw(unix.SYS_DUP3, in.Fd(), 0, 0)
	if out != nil {
		whole.Raw(unix.SYS_DUP3, out.Fd(), 1, 0)
	}
	for fd := reportFD; fd < maxFDs; fd++ {
		whole.Close(fd)
	}
	whole.Then(script).Sleep(process.Forever)
	signal.Ignore(unix.SIGCHLD) // An ended child leaves no zombie (man 2 wait).
	r.mu.Lock()
	defer r.mu.Unlock()
	if pid, err = r.admin.StartBare(whole); err != nil {
		return 0, err
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return 0, err
	}
	r.children = append(r.children, &child{name: name, pid: pid, process: process})
	return pid, r.journal.process(pid)
}
