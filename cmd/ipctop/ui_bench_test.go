package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// The benchmarks of the dashboard run the program on a pseudoterminal, with 1,000 processes of 50 descriptors each.
// They print ratios to htop, which runs at the same time. IPCTOP_OTHER is the path of another ipctop that runs beside
// them. IPCTOP_TABS chooses tabs ("queues,leaks").

// short is n, or a twentieth of n with -short. Then the figures mean nothing.
func short[T ~int | ~int64](n T) T {
	if testing.Short() {
		return n / 20
	}
	return n
}

// ttyProgram is a program on a pseudoterminal, with the reader of its output.
type ttyProgram struct {
	b      *testing.B
	cmd    *exec.Cmd
	master int

	mu     sync.Mutex
	tail   []byte    // the end of the output
	wanted []byte    // bytes that answer the last key; nil: nobody waits
	asked  time.Time // when the last key was written
	answer chan time.Duration
}

// Size of the terminal of the benchmarks.
const ttyColumns, ttyRows = 160, 50

// startOnTTY starts a program on a new terminal.
func startOnTTY(b *testing.B, cmd *exec.Cmd) *ttyProgram {
	b.Helper()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	check(err)
	check(unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0))
	check(unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &unix.Winsize{Row: ttyRows, Col: ttyColumns}))
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	check(err)
	tty, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	check(err)
	defer tty.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(cmd.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR=")
	check(cmd.Start())
	p := &ttyProgram{b: b, cmd: cmd, master: master, answer: make(chan time.Duration, 1)}
	read := make(chan struct{})
	go func() { defer close(read); p.read() }()
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		<-read
		unix.Close(master)
	})
	return p
}

// read takes the output until the program ends. It notes when the answer to a key came.
func (p *ttyProgram) read() {
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.Read(p.master, buf)
		now := time.Now()
		if err != nil && err != unix.EINTR || n == 0 {
			return
		}
		p.mu.Lock()
		p.tail = append(p.tail[max(0, len(p.tail)-64):], buf[:max(0, n)]...)
		if p.wanted != nil && bytes.Contains(p.tail, p.wanted) {
			p.answer <- now.Sub(p.asked)
			p.wanted = nil
		}
		p.mu.Unlock()
	}
}

// write presses keys and returns at once.
func (p *ttyProgram) write(keys string) {
	p.b.Helper()
	if _, err := unix.Write(p.master, []byte(keys)); err != nil {
		p.b.Fatal(err)
	}
}

// press presses a key, and returns the time until the answer came: output with these bytes.
func (p *ttyProgram) press(key, answer string) time.Duration {
	p.b.Helper()
	p.mu.Lock()
	p.tail, p.wanted, p.asked = nil, []byte(answer), time.Now()
	p.mu.Unlock()
	p.write(key)
	select {
	case d := <-p.answer:
		return d
	case <-time.After(patience):
		p.b.Fatalf("no answer of %s to key %q, but %q", p.cmd.Path, key, p.tail)
	}
	return 0
}

func (p *ttyProgram) cpu() time.Duration {
	p.b.Helper()
	ns, err := process.CPUTime(p.cmd.Process.Pid)
	if err != nil {
		p.b.Fatal(err)
	}
	return time.Duration(ns)
}

// memory is a field of /proc/PID/status in MB.
func (p *ttyProgram) memory(field string) float64 {
	p.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), field+":")
	kB := 0.0
	fmt.Sscan(rest, &kB)
	return kB / 1024
}

// dashboards are the dashboards to measure, by name, each at this interval.
func dashboards(b *testing.B, interval time.Duration) map[string]*ttyProgram {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	all := map[string]*ttyProgram{}
	start := func(name, path string) {
		cmd := exec.Command(path, "--interval", interval.String())
		cmd.Env = append(os.Environ(), asProgram+"=1")
		all[name] = startOnTTY(b, cmd)
	}
	start("ipctop", self)
	if other := os.Getenv("IPCTOP_OTHER"); other != "" {
		start("other", other)
	}
	return all
}

// htop is htop with an interval of two seconds; nil: it is not installed.
func htop(b *testing.B) *ttyProgram {
	b.Helper()
	if _, err := exec.LookPath("htop"); err != nil {
		b.Logf("no comparison with htop: %v", err)
		return nil
	}
	return startOnTTY(b, exec.Command("htop", "-d", "20"))
}

// tabKeys are the keys of the tabs to measure.
func tabKeys() (families []schema.Family, keys []string) {
	chosen := strings.Split(os.Getenv("IPCTOP_TABS"), ",")
	for i, v := range views.Tabs() {
		key := v.Title()[:1]
		if i < 10 {
			key = fmt.Sprint((i + 1) % 10)
		}
		if chosen[0] == "" || slices.Contains(chosen, string(v.Family)) {
			families, keys = append(families, v.Family), append(keys, key)
		}
	}
	return families, keys
}

// The CPU time of each tab in percent of one CPU, at an interval of two seconds, beside htop. The memory is what the
// dashboard has after the tab was on screen.
func BenchmarkDashboardCPU(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		kerneltest.Sleepers(b, short(1000), 24)
		programs := dashboards(b, 2*time.Second)
		if top := htop(b); top != nil {
			programs["htop"] = top
		}
		families, keys := tabKeys()
		for i, family := range families {
			b.Run(string(family), func(b *testing.B) {
				for name, p := range programs {
					if name != "htop" {
						p.write(keys[i])
					}
				}
				time.Sleep(short(5 * time.Second))
				begin, before := time.Now(), map[string]time.Duration{}
				for name, p := range programs {
					before[name] = p.cpu()
				}
				time.Sleep(short(20 * time.Second))
				percent := map[string]float64{}
				for name, p := range programs {
					percent[name] = 100 * float64(p.cpu()-before[name]) / float64(time.Since(begin))
				}
				b.ReportMetric(0, "ns/op")
				for name, p := range programs {
					b.ReportMetric(percent[name], name+"-%cpu")
					b.ReportMetric(p.memory("VmRSS"), name+"-MB")
				}
				if percent["htop"] > 0 {
					b.ReportMetric(percent["ipctop"]/percent["htop"], "times-htop")
				}
			})
		}
	})
}

// The memory after a walk over all tabs, ten times, at the shortest interval.
func BenchmarkDashboardMemory(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		kerneltest.Sleepers(b, short(1000), 24)
		programs := dashboards(b, shortestInterval)
		_, keys := tabKeys()
		for range 10 {
			for _, key := range keys {
				for _, p := range programs {
					p.write(key)
				}
				time.Sleep(short(500 * time.Millisecond))
			}
		}
		b.ReportMetric(0, "ns/op")
		for name, p := range programs {
			b.ReportMetric(p.memory("VmRSS"), name+"-MB")
			b.ReportMetric(p.memory("VmHWM"), name+"-peak-MB")
		}
	})
}

// The time from a key to the answer on the terminal, while the collector scans at the shortest interval: on 1,000
// processes of 50 descriptors each, and with 100,000 rows on screen. The answer is a line in the colour of the cursor.
// The floor is cat, which answers at once.
func BenchmarkDashboardKey(b *testing.B) {
	for _, c := range []struct {
		name             string
		processes, pipes int
	}{{"many-processes", 1000, 24}, {"100000-rows", 250, 400}} {
		b.Run(c.name, func(b *testing.B) {
			kerneltest.InNamespace(b, func() {
				kerneltest.Sleepers(b, short(c.processes), c.pipes)
				programs := dashboards(b, shortestInterval)
				programs["cat"] = startOnTTY(b, exec.Command("sh", "-c", "stty raw -echo; exec cat"))
				if top := htop(b); top != nil {
					programs["htop"] = top
				}
				families, keys := tabKeys()
				pipes := keys[max(0, slices.Index(families, schema.Family("pipes")))]
				b.ReportMetric(0, "ns/op")
				for name, p := range programs {
					key, answer := pipes, "46m" // a teal background
					switch name {
					case "cat":
						key, answer = "", "O"
					case "htop":
						key, answer = "", "\x1b["
					}
					p.write(key)
					time.Sleep(short(5 * time.Second))
					var times []time.Duration
					for i := range short(300) {
						key := "\x1bOB"
						if i%2 > 0 {
							key = "\x1bOA"
						}
						times = append(times, p.press(key, answer))
						time.Sleep(time.Duration(10+rand.IntN(20)) * time.Millisecond)
					}
					slices.Sort(times)
					b.ReportMetric(times[len(times)/2].Seconds()*1e3, name+"-p50-ms")
					b.ReportMetric(times[len(times)*99/100].Seconds()*1e3, name+"-p99-ms")
				}
			})
		})
	}
}
