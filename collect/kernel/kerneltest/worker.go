package kerneltest

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// workerVar names the worker that a re-executed test binary runs.
const workerVar = "IPCTOP_TEST_WORKER"

// Job is the worker function's view of itself.
type Job struct {
	Args []string

	out *os.File
	in  *bufio.Scanner
}

// Ready tells the starter that the worker is ready, with one line of words (an id, an address).
func (j *Job) Ready(words ...any) { fmt.Fprintln(j.out, words...) }

// Wait blocks until the starter sends a line, and returns the line. If the starter is gone, the worker ends.
func (j *Job) Wait() string {
	if !j.in.Scan() {
		os.Exit(0)
	}
	return j.in.Text()
}

// Check ends the worker with a message if err is not nil.
func (j *Job) Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

// Workers are functions by name. A re-executed test binary runs one of them.
type Workers map[string]func(*Job)

// Main is for TestMain. It runs the worker that the environment names, or else the tests. Then it ends the process.
func Main(m *testing.M, workers Workers) {
	workers.Work()
	collectRarely()
	os.Exit(m.Run())
}

// Work is for a TestMain of another form than Main. If the environment names a worker, Work runs the worker and ends
// the process.
func (w Workers) Work() {
	name := os.Getenv(workerVar)
	if name == "" {
		return
	}
	f := w[name]
	if f == nil {
		fmt.Fprintln(os.Stderr, "no worker called", name)
		os.Exit(1)
	}
	f(&Job{Args: os.Args[1:], out: os.Stdout, in: bufio.NewScanner(os.Stdin)})
	os.Exit(0)
}

// collectRarely lets the heap of the tests grow to five times its live size before a collection. Tests make much short
// garbage and keep little. Benchmarks measure with the usual setting, and GOGC overrides both.
func collectRarely() {
	flag.Parse()
	if os.Getenv("GOGC") == "" && flag.Lookup("test.bench").Value.String() == "" {
		debug.SetGCPercent(400)
	}
}

// Worker is a process that a test started. At the test's end it is killed and reaped.
type Worker struct {
	PID   int
	Words []string // its words of Ready

	tb    testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	once  sync.Once
}

// Start runs a worker and returns after the worker's call of Ready.
func Start(tb testing.TB, name string, args ...string) *Worker {
	tb.Helper()
	return StartAs(tb, nil, name, args...)
}

// StartAs is Start with other credentials (uid, gid); nil keeps the test's credentials.
func StartAs(tb testing.TB, who *syscall.Credential, name string, args ...string) *Worker {
	tb.Helper()
	return start(tb, &syscall.SysProcAttr{Credential: who}, name, args)
}

// StartAsIn is StartAs in more new namespaces. The test's own user owns them.
func StartAsIn(tb testing.TB, who *syscall.Credential, flags uintptr, name string, args ...string) *Worker {
	tb.Helper()
	return start(tb, &syscall.SysProcAttr{Credential: who, Cloneflags: flags}, name, args)
}

// StartMapped is Start as root of a new user namespace and in more new namespaces. uid and gid 0 inside are id
// outside.
func StartMapped(tb testing.TB, id int, flags uintptr, name string, args ...string) *Worker {
	tb.Helper()
	ids := []syscall.SysProcIDMap{{HostID: id, Size: 1}}
	return start(tb, &syscall.SysProcAttr{Cloneflags: flags | syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids,
		Credential: &syscall.Credential{NoSetGroups: true}}, name, args)
}

// StartIn is Start in more new namespaces. flags are clone flags, for example unix.CLONE_NEWIPC.
func StartIn(tb testing.TB, flags uintptr, name string, args ...string) *Worker {
	tb.Helper()
	return start(tb, &syscall.SysProcAttr{Cloneflags: flags}, name, args)
}

func start(tb testing.TB, attr *syscall.SysProcAttr, name string, args []string) *Worker {
	tb.Helper()
	w := &Worker{tb: tb}
	// /proc/self/exe, because another user may not search the directory of go test.
	w.cmd = exec.Command("/proc/self/exe", args...)
	w.cmd.Env = append(os.Environ(), workerVar+"="+name)
	w.cmd.Stderr = os.Stderr
	// Otherwise its group might be 0 or 1, like the group of a container's first process. wait4(2) cannot name these
	// groups.
	attr.Setpgid = true
	w.cmd.SysProcAttr = attr
	var err error
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		tb.Fatalf("start worker %s: %v", name, err)
	}
	w.PID, w.out = w.cmd.Process.Pid, bufio.NewReader(stdout)
	tb.Cleanup(w.Kill)
	w.Words = w.Read()
	return w
}

// Read waits for the worker's next Ready line and returns its words.
func (w *Worker) Read() []string {
	w.tb.Helper()
	line, err := w.out.ReadString('\n')
	if err != nil {
		w.tb.Fatalf("worker %d ended before it was ready: %v", w.PID, err)
	}
	return strings.Fields(line)
}

// Say sends the worker a line. The worker's Wait returns it.
func (w *Worker) Say(line string) {
	w.tb.Helper()
	if _, err := io.WriteString(w.stdin, line+"\n"); err != nil {
		w.tb.Fatalf("talk to worker %d: %v", w.PID, err)
	}
}

// Kill ends the worker with SIGKILL and reaps it: afterwards its pid is free. A second Kill does nothing.
func (w *Worker) Kill() {
	w.once.Do(func() {
		w.cmd.Process.Kill()
		w.cmd.Wait()
	})
}

// Finish closes the worker's input, waits for its end and reaps it.
func (w *Worker) Finish() {
	w.tb.Helper()
	w.once.Do(func() {
		w.stdin.Close()
		if err := w.cmd.Wait(); err != nil {
			w.tb.Errorf("worker %d: %v", w.PID, err)
		}
	})
}

// Attach is a worker: it maps the System V segment of each argument, touches the first page and waits.
func Attach(j *Job) {
	for _, word := range j.Args {
		id, err := strconv.Atoi(word)
		j.Check(err)
		data, err := unix.SysvShmAttach(id, 0, 0)
		j.Check(err)
		data[0] = 1
	}
	j.Ready()
	j.Wait()
}
