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
	lifelineFD            // read end: hangs up when the main process has ended
	journalFD
	extraFD // what the scenario hands over
)

// workerFlag marks a worker's command line: PROGRAM demo --worker SCENARIO/ROLE ARG...
const workerFlag = "--worker"

// message is what a worker tells its starter.
type message struct {
	Object *Object `json:"object,omitempty"`
	Ready  bool    `json:"ready,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// role is a worker's view of itself.
type role struct {
	scenario Scenario
	args     []string
	report   *os.File
	journal  journal
	lifeline *os.File // kept: a collected File would close its descriptor
	host     *kernel.Host
	admin    *kernel.Admin

	mu       sync.Mutex
	children []*child // to be ended and reaped with this worker
}

// Worker runs the demo worker that args (os.Args) ask for. ok is false if they do not: then the program goes on as
// usual. Call it first in main and in TestMain, and exit with the code.
func Worker(args []string) (code int, ok bool) {
	if len(args) < 4 || args[1] != "demo" || args[2] != workerFlag {
		return 0, false
	}
	// What a worker blocks in must be seen in /proc/PID/syscall and wchan, which show the main thread.
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		// Exec makes the calling thread the main one (man 2 execve).
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
		r.say(message{Error: err.Error()})
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

// run names the process, records it and plays the role.
func (r *role) run(name string) error {
	play := r.scenario.roles[name]
	if play == nil {
		return fmt.Errorf("scenario %s has no role %q", r.scenario.Name, name)
	}
	// Writing /proc/self/comm names the main thread whichever thread writes (man 5 proc_pid_comm); 15 bytes stay.
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

// awaitEnd returns when nobody holds the lifeline's write end any more. It polls rather than reads, so that the workers
// do not look like waiters for data.
func (r *role) awaitEnd() {
	for {
		fds := []unix.PollFd{{Fd: lifelineFD}} // POLLHUP needs no asking (man 2 poll)
		if n, err := unix.Poll(fds, -1); n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

// park keeps the worker until the demo ends. Nothing more is reported.
func (r *role) park() error {
	r.report.Close()
	r.awaitEnd()
	return nil
}

// end ends and reaps the children, then the process.
func (r *role) end(code int) {
	r.mu.Lock() // never unlocked: one goroutine ends the process
	for _, c := range r.children {
		c.process.Kill()
		c.process.Wait()
	}
	// At once: there is nothing to flush, and os.Exit lingers for a second under the race detector.
	syscall.Exit(code)
}

// object reports what the worker made; PID is the worker's unless set.
func (r *role) object(o Object) {
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
	o.Scenario = r.scenario.Name
	r.say(message{Object: &o})
}

// settled is ready for the last time, before the worker blocks or stops: nothing more is reported. The report must not
// stay open, or it would stand among the objects as one more pipe without a reader.
func (r *role) settled() {
	r.ready()
	r.report.Close()
}

// ready tells the starter that the next stage is reached.
func (r *role) ready() { r.say(message{Ready: true}) }

// say sends a message. If nobody listens, the main process is gone and the lifeline ends this one.
func (r *role) say(m message) {
	line, err := json.Marshal(m)
	if err != nil {
		line = []byte(`{"error":"a message that is no JSON"}`)
	}
	r.report.Write(append(line, '\n'))
}

// start starts a child of this worker that dies with it.
func (r *role) start(name string, attr syscall.SysProcAttr) (*child, error) {
	// Sent when the thread that forked ends (man 2 PR_SET_PDEATHSIG): the main thread, which is this goroutine's own.
	// A stopped child cannot watch the lifeline; SIGKILL ends it all the same.
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

// startBare starts a child of one thread that runs the script and then sleeps, and dies with this worker, whose main
// thread has to be the caller. Workers of Go are never stuck as a whole: some of their threads wake up by themselves.
// in and out become the child's standard input and output (nil: this worker's own); it has standard error besides,
// and no other descriptor.
func (r *role) startBare(name string, in, out *os.File, script *process.Script) (pid int, err error) {
	const most = 64 // descriptors of a worker
	whole := new(process.Script).Name("demo-"+name).Raw(unix.SYS_DUP3, in.Fd(), 0, 0)
	if out != nil {
		whole.Raw(unix.SYS_DUP3, out.Fd(), 1, 0)
	}
	for fd := reportFD; fd < most; fd++ {
		whole.Close(fd)
	}
	whole.Then(script).Sleep(process.Forever)
	signal.Ignore(unix.SIGCHLD) // A child that somebody ends leaves no zombie (man 2 wait).
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
