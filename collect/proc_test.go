package collect

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/schema"
)

// process finds the cells of a process by its pid; nil: there is none. It leaves out the columns that are read on
// demand. During exec an ordinary user may not look into his own process for a moment.
func (s *scene) process(pid int) cells {
	s.Helper()
	host, err := kernel.Open("")
	s.check(err)
	m, ids := kinds.Proc(), []string{}
	for _, c := range m.Columns {
		if !m.IsOnDemand(c.ID) {
			ids = append(ids, c.ID)
		}
	}
	snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Proc: m.NeedsOf(ids)}})
	if os.Geteuid() == 0 && len(snap.Faults) > 0 {
		s.Errorf("faults: %+v", snap.Faults)
	}
	rows, _ := table(snap, schema.Proc)
	return rows[schema.Ref{Kind: schema.Proc, ID: uint64(pid)}.String()]
}

// sleeper starts sleep(1), and kills it at the end of the test.
func (s *scene) sleeper() *exec.Cmd {
	s.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	s.check(cmd.Start())
	s.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

func (s *scene) awaitState(pid int, state string) cells {
	s.Helper()
	var row cells
	kerneltest.Eventually(s, "state "+state, func() bool {
		row = s.process(pid)
		return row["state"].Str() == state
	})
	return row
}

func TestProcess(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		before := time.Now()
		pid := s.sleeper().Process.Pid
		s.check(unix.Setpriority(unix.PRIO_PROCESS, pid, 19))
		s.check(unix.Kill(pid, unix.SIGSTOP))
		row := s.awaitState(pid, "T")
		if started := row["start"].Time(); started.Before(before.Add(-time.Second)) || started.After(time.Now()) {
			t.Errorf("started at %v, want about %v", started, before)
		}
		// A test cannot choose these values. The kernel's count of resident pages may be late (proc_pid_stat(5)). The
		// columns that are read on demand have their own test.
		for _, id := range append([]string{"start", "rss", "pcpu", "time"}, kinds.Proc().OnDemand...) {
			delete(row, id)
		}
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		s.check(err)
		users := account.NewUsers(true)
		user, group := users.User(uint32(os.Geteuid())), users.Group(uint32(os.Getegid()))
		number := func(n int) schema.Value { return schema.Int(int64(n)) }
		want := cells{
			"pid": number(pid), "ppid": number(os.Getpid()), "pgid": number(pid), "sid": number(pid),
			"state": schema.String("T"), "nlwp": number(1),
			"user": schema.String(user), "ruser": schema.String(user), "uid": number(os.Geteuid()),
			"ruid":  number(os.Geteuid()),
			"group": schema.String(group), "rgroup": schema.String(group), "gid": number(os.Getegid()),
			"rgid": number(os.Getegid()),
			"suid": number(os.Geteuid()), "suser": schema.String(user), "sgid": number(os.Getegid()),
			"sgroup": schema.String(group), "cls": schema.String("TS"),
			"ni": number(19), "fds": number(len(fds)), "kthread": schema.Bool(false), "comm": schema.String("sleep"),
			"args": schema.String("sleep 1000"),
		}
		if diff := gocmp.Diff(want, row); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		s.check(unix.Kill(pid, unix.SIGKILL))
		row = s.awaitState(pid, "Z")
		got := cells{"state": row["state"], "args": row["args"], "rss": row["rss"], "fds": row["fds"]}
		want = cells{"state": schema.String("Z"), "args": schema.String("[sleep]"), "rss": schema.Bytes(0),
			"fds": number(0)}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("a zombie (-want +got):\n%s", diff)
		}
	})
}

// The rows are in the order of the tree: each child is below its parent.
func TestProcessTree(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		child := s.sleeper().Process.Pid
		snap := s.take(schema.Proc)
		place := map[schema.Ref]int{}
		for i, o := range snap.Objects[schema.Proc] {
			place[o.Ref] = i
			if parent := o.Row.(*kinds.ProcRow).Parent; !parent.IsZero() {
				if at, ok := place[parent]; !ok || at >= i {
					t.Errorf("%v stands before its parent %v", o.Ref, parent)
				}
			}
		}
		_, edges := table(snap, schema.Proc)
		want := strings.Join([]string{s.self.Ref().String(), "parent",
			schema.Ref{Kind: schema.Proc, ID: uint64(child)}.String(), "", "observed"}, " ")
		if !strings.Contains(strings.Join(edges, "\n"), want) {
			t.Errorf("no edge %q in %q", want, edges)
		}
	})
}

// A name and arguments may contain any bytes.
func TestHostileProcessName(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		name := ") S 1\n\x1b[31m\xff"
		sleep, err := exec.LookPath("sleep")
		s.check(err)
		link := filepath.Join(t.TempDir(), name)
		s.check(os.Symlink(sleep, link))
		cmd := &exec.Cmd{Path: link, Args: []string{"a\nb", "1000"}}
		if base, err := filepath.EvalSymlinks(sleep); err == nil && filepath.Base(base) != "sleep" {
			cmd.Args[0] = "sleep" // a program with many names is known by its first argument
		}
		s.check(cmd.Start())
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		row := s.process(cmd.Process.Pid)
		want := cells{"comm": schema.String(name), "args": schema.String(strings.Join(cmd.Args, " ")),
			"state": schema.String("S")}
		kerneltest.Eventually(t, "sleeping",
			func() bool { row = s.process(cmd.Process.Pid); return row["state"].Equal(want["state"]) })
		if diff := gocmp.Diff(want,
			cells{"comm": row["comm"], "args": row["args"], "state": row["state"]}); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// Processes that come and go while they are read make no faults.
func TestProcessesThatVanish(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		s.check(unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "")) // each snapshot looks at all files of the machine there
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						exec.Command("true").Run()
					}
				}
			})
		}
		host, err := kernel.Open("")
		s.check(err)
		c := New(host, time.Now)
		req := Request{Want: map[schema.Kind]schema.Need{}, Edges: true}
		for _, m := range Mechanisms() {
			for _, col := range m.Columns {
				req.Want[m.Kind] |= col.Needs
			}
		}
		for i := range kerneltest.Rounds(25, 1000) {
			if i == 5 { // Files and internet sockets do not depend on a process. Their lists of the machine take long.
				for kind := range req.Want {
					req.Want[kind] &^= leaks.NeedPaths
				}
				delete(req.Want, schema.Inet)
			}
			for _, f := range c.Take(req).Faults {
				// In a user namespace a process that is about to end may refuse what it allowed before.
				if !f.Denied {
					t.Errorf("fault: %+v", f)
				}
			}
		}
		close(stop)
		wg.Wait()
	})
}

// Parents may form a circle, if they were read at different moments or come from a tree of files.
func TestProcessesInACircle(t *testing.T) {
	m := collecttest.New(t)
	for pid, parent := range map[int]int{1: 0, 5: 6, 6: 7, 7: 5, 8: 8, 9: 5} {
		m.Process(collecttest.Process{PID: pid, PPID: parent, Comm: "round"})
	}
	text, err := os.ReadFile(m.Root + "/proc/9/stat")
	if err != nil {
		t.Fatal(err)
	}
	m.Write("/proc/10/stat", string(text)) // another process that says it has pid 9
	host, err := kernel.Open(m.Root)
	if err != nil {
		t.Fatal(err)
	}
	snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Proc: 0}})
	var got []uint64
	for _, o := range snap.Objects[schema.Proc] {
		got = append(got, o.Ref.ID)
		steps := 0
		for up := o; up != nil; up = snap.Find(up.Row.(*kinds.ProcRow).Parent) {
			if steps++; steps > 10 {
				t.Fatalf("%s is its own ancestor", o.Ref)
			}
		}
	}
	if diff := gocmp.Diff([]uint64{1, 5, 7, 6, 9, 10, 8}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
