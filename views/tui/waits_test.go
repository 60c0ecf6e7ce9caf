package tui

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// ring is a machine with a deadlock: left and right each read from a pipe that only the other one writes to. behind
// reads from left, and idle waits for nobody.
func ring(t *testing.T) *collecttest.Machine {
	m := collecttest.New(t)
	reads := func(pid int, comm, from string, to ...string) {
		fds := map[int]collecttest.FD{0: {Target: "pipe:[" + from + "]"}}
		for i, pipe := range to {
			fds[1+i] = collecttest.FD{Target: "pipe:[" + pipe + "]", Flags: syscall.O_WRONLY}
		}
		m.Process(collecttest.Process{PID: pid, PPID: 1, Comm: comm, FDs: fds})
		m.Blocked(pid, syscall.SYS_READ, 0, 0x55d0c0002000, 1)
	}
	m.Process(collecttest.Process{PID: 1, Comm: "init"})
	reads(300, "left", "8001", "8002", "8003")
	reads(301, "right", "8002", "8001")
	reads(302, "behind", "8003")
	m.Process(collecttest.Process{PID: 303, PPID: 1, Comm: "idle"})
	return m
}

// body returns the lines between the tabs and the footer, without empty lines.
func (r *rig) body() []string {
	var lines []string
	all := strings.Split(strings.TrimSuffix(r.now(), "\n"), "\n")
	for i, line := range all {
		if strings.Contains(line, " Waits]") {
			for _, line := range all[i+1 : len(all)-2] {
				if line = strings.TrimRight(line, " "); line != "" {
					lines = append(lines, line)
				}
			}
			return lines
		}
	}
	return nil
}

const announced = "! deadlock: 300/left ↔ 301/right"

func TestDeadlocksAreAnnouncedOnEveryTab(t *testing.T) {
	t.Parallel()
	r := openRig(t, ring(t).Root, 80, 24, nil)
	r.see(announced) // a second look confirms the first, without a refresh
	for i := range r.app.tabs {
		r.press(r.app.tabKey(i))
		r.see(announced, "["+r.app.tabKey(i)+" "+r.app.tabs[i].view.Title()+"]")
	}
	r.resize(80, 10)
	r.waitFor("the low screen", func(s string) bool {
		return strings.Count(s, "\n") == 10 && strings.Contains(s,
			announced)
	})
}

// Sentences get all the space. A cut sentence stands below the rows, with the advice.
func TestWaitsTab(t *testing.T) {
	t.Parallel()
	r := openRig(t, ring(t).Root, 80, 24, nil)
	r.see(announced)
	r.press("W")
	r.see("to do")
	same(t, "80 columns", []string{
		"  STATUS   WAITING PROOF    WAITS",
		"  deadlock         observed 300/left waits for pipe:8001 (read fd 0), 301/righ…",
		"  deadlock         observed ├─ 301/right waits for pipe:8002 (read fd 0), 300/…",
		"  hangs            observed └─ 302/behind waits for pipe:8003 (read fd 0), 300…",
		" 300/left waits for pipe:8001 (read fd 0), 301/right has its writing end",
		" to do: end one of 301/right, 300/left: the kernel then gives back locks and",
		" descriptors, and who waits for those goes on; prefer what can be done again",
	}, r.body())
	r.resize(200, 50)
	r.waitFor("the wide screen", func(s string) bool {
		return r.width(s) == 200 && strings.Contains(s,
			"observed 300/left waits for pipe:8001 (read fd 0), 301/right has its writing end")
	})
	same(t, "200 columns", []string{
		"  STATUS   WAITING PROOF    WAITS",
		"  deadlock         observed 300/left waits for pipe:8001 (read fd 0), 301/right has its writing end",
		"  deadlock         observed ├─ 301/right waits for pipe:8002 (read fd 0), 300/left has its writing end",
		"  hangs            observed └─ 302/behind waits for pipe:8003 (read fd 0), 300/left has its writing end",
		" to do: end one of 301/right, 300/left: the kernel then gives back locks and descriptors, and who waits " +
			"for those goes on; prefer what can be done again",
	}, r.body())
	r.press("*")
	r.see("+ 300/left waits")
	same(t, "folded", []string{">wait:300"}, r.rows())
}

// Usual waits, which every machine has, are hidden by default.
func TestUsualWaitsAreHidden(t *testing.T) {
	t.Parallel()
	m := ring(t)
	m.Process(collecttest.Process{PID: 310, PPID: 1, Comm: "shell"})
	m.Process(collecttest.Process{PID: 311, PPID: 310, Comm: "command"})
	m.Blocked(310, syscall.SYS_WAIT4, ^uint64(0), 0, 0, 0)
	r := openRig(t, m.Root, 120, 40, nil)
	r.press("W")
	r.see("hangs")
	same(t, "the rows", []string{">wait:300", "wait:301", "wait:302"}, r.rows())
	r.press("?")
	r.see("show or hide threads that wait for whatever comes")
	r.press("Esc", "K")
	r.see("310/shell waits for")
	r.press("K")
	r.seeNot("310/shell")
}

func TestPageOfAWait(t *testing.T) {
	t.Parallel()
	r := openRig(t, ring(t).Root, 100, 100, nil)
	r.see(announced)
	r.press("W")
	r.see("hangs")
	r.press("Down", "Enter")
	r.see("wait:301  right", "What is wrong", "  deadlock: 300/left waits for pipe:8001",
		"    observed: 300/left has 301/right's writing end as fd 1 (pipe:8002)", "    to do: end one of",
		"thread of     proc:301       right", "enders        proc:300")
	r.press("Right", "Enter")
	r.see("proc:301  right", "What is wrong", "waits on      pipe:8002")
	r.press("Esc", "Esc")
	r.see("W Waits]")
	same(t, "back on", "wait:301", r.cursor())
}

func TestWhatAProcessWaitsFor(t *testing.T) {
	t.Parallel()
	r := openRig(t, ring(t).Root, 120, 40, nil)
	r.toTab(schema.Proc)
	r.press("Down", "Down", "Down")
	same(t, "cursor", "proc:302", r.cursor())
	r.press("w")
	r.see("[W Waits]", "what proc:302 waits for, and who waits for it", "behind waits for")
	same(t, "with what keeps it", []string{">wait:300", "wait:302"}, r.rows())
	r.press("Esc")
	r.see("["+r.tabName(schema.Proc)+"]", "idle")
	same(t, "back on", "proc:302", r.cursor())
	r.press("Up", "w")
	r.see("what proc:301 waits for", "301/right waits for")
	same(t, "with all that hangs on it", []string{">wait:300", "wait:301", "wait:302"}, r.rows())
	r.press("Esc", "Enter")
	r.see("proc:301  right", "Fields")
	r.press("w")
	r.see("[W Waits]", "what proc:301 waits for")
	r.press("Enter")
	r.see("wait:300  left")
	r.press("Esc", "Esc")
	r.see("proc:301  right", "Fields") // the page is open again
	r.press("Esc", "End")
	same(t, "cursor", "proc:303", r.cursor())
	r.press("w")
	r.see("it waits for nothing, and nothing waits for it, as far as could be seen")
}

func TestWhoWaitsForAnObject(t *testing.T) {
	t.Parallel()
	r := openRig(t, ring(t).Root, 120, 40, nil)
	r.toTab(schema.Pipe)
	r.see("pipe:8003")
	r.press("End")
	same(t, "cursor", "pipe:8003", r.cursor())
	r.press("w")
	r.see("who waits for pipe:8003, and who could end that", "302/behind")
	same(t, "with what keeps them", []string{">wait:300", "wait:302"}, r.rows())
	r.press("Down", "w") // in the tab of waits: the process of the row
	r.see("what proc:302 waits for")
	r.press("Esc")
	r.see("who waits for pipe:8003")
	r.press("Backspace")
	r.see("[" + r.tabName(schema.Pipe) + "]")
	same(t, "back on", "pipe:8003", r.cursor())
	r.press("Home", "Space", "Space", "w")
	r.see("who waits for pipe:8001 pipe:8002")
	same(t, "both", []string{">wait:300", "wait:301", "wait:302"}, r.rows())
	r.press("Esc", "Home", "U", "End", "w")
	same(t, "one", []string{">wait:300", "wait:302"}, r.rows())
	r.press("Down", "W") // all of the tab begins with the root cause, not with the row of before
	r.seeNot("and who could end that")
	same(t, "all", []string{">wait:300", "wait:301", "wait:302"}, r.rows())
}

// The holders of a wait are the processes that could end it.
func TestWhoCouldEndAWait(t *testing.T) {
	t.Parallel()
	r := openRig(t, ring(t).Root, 120, 40, nil)
	r.press("W")
	r.see("hangs")
	r.press("Down", "o")
	r.see("["+r.tabName(schema.Proc)+"]", "processes that could end wait:301")
	r.waitUntil("the processes", func(s state) bool { return s.read })
	same(t, "one", []string{">proc:300"}, r.rows())
	r.press("Esc")
	r.see("W Waits]", "hangs")
	r.press("Home", "Space", "Space", "o")
	r.see("processes that could end wait:300 wait:301")
	r.waitUntil("the processes", func(s state) bool { return s.read })
	same(t, "both", []string{">proc:300", "proc:301"}, r.rows())
}

func TestNobodyCouldEndAWait(t *testing.T) {
	t.Parallel()
	m := ring(t)
	m.Remove("/proc/300")
	m.Remove("/proc/301")
	r := openRig(t, m.Root, 120, 40, nil)
	r.press("W")
	r.see("behind waits for")
	r.press("o")
	r.see("processes that could end wait:302", "no process can be named that could end it")
}

// The advice on a deadlock stands in full if the rows leave space. Otherwise the last line tells where it is.
func TestAdviceBelowTheRows(t *testing.T) {
	t.Parallel()
	m := ring(t)
	r := openRig(t, m.Root, 50, 24, nil)
	r.see("! deadlock")
	r.press("W")
	whole := func(s string) bool {
		return strings.Contains(strings.Join(strings.Fields(s), " "),
			"to do: end one of 301/right, 300/left: the kernel then gives back locks "+
				"and descriptors, and who waits for those goes on; prefer what can be done again")
	}
	r.waitFor("the whole advice", whole)
	for pid := 320; pid < 340; pid++ {
		m.Process(collecttest.Process{PID: pid, PPID: 1, Comm: "more",
			FDs: map[int]collecttest.FD{0: {Target: "pipe:[8003]"}}})
		m.Blocked(pid, syscall.SYS_READ, 0, 0x55d0c0002000, 1)
	}
	r.press("Ctrl-R")
	r.see("… (Enter shows all)")
	r.press("Enter")
	r.see("What is wrong")
	r.resize(50, 50)
	r.waitFor("the whole advice", whole)
}

// A signal for a wait goes to its process, or to those that could end the wait.
func TestSignalFromAWait(t *testing.T) {
	t.Parallel()
	r := openRig(t, ring(t).Root, 120, 40, func(o *Options) { o.Planner = planner(t) })
	r.press("W")
	r.see("hangs")
	r.press("Down", "k")
	r.see("Signal to send", "to the waiters of wait:301")
	r.see("(Tab: enders)")
	r.press("Tab")
	r.see("to the enders of wait:301")
	r.press("Esc", "Space", "k")
	r.see("to the waiters of wait:301")
}

// A look of the watch also waits until a dialog closes.
func TestAnnouncementsWaitForDialogs(t *testing.T) {
	t.Parallel()
	m := ring(t)
	m.Remove("/proc/301")
	r := openRig(t, m.Root, 100, 40, func(o *Options) { o.Source.(*recorder).often = true })
	r.press("!")
	r.see("Not seen in the last refresh")
	m.Process(collecttest.Process{PID: 301, PPID: 1, Comm: "right",
		FDs: map[int]collecttest.FD{0: {Target: "pipe:[8002]"}, 1: {Target: "pipe:[8001]", Flags: syscall.O_WRONLY}}})
	m.Blocked(301, syscall.SYS_READ, 0, 0x55d0c0002000, 1)
	r.waitUntil("a look that is held back", func(s state) bool { return s.heldLook == "deadlock" })
	if strings.Contains(r.now(), "deadlock") {
		t.Error("the header grew behind the dialog")
	}
	r.press("Esc")
	r.see(announced)
}

// A look may take long. Here it does not get past its first step, which reads the clock.
func TestKeysAreAnsweredDuringALook(t *testing.T) {
	t.Parallel()
	m := ring(t)
	goOn := make(chan struct{})
	var stuck atomic.Bool
	r := openRig(t, m.Root, 100, 40, func(o *Options) {
		host, err := kernel.Open(m.Root)
		if err != nil {
			t.Fatal(err)
		}
		slow := func() time.Time {
			if stuck.Load() {
				<-goOn
			}
			return clock()
		}
		source := o.Source.(*recorder)
		source.Sampler = collect.NewSampler(collect.New(host, slow), time.Hour)
		o.Sample = source.Run
	})
	stuck.Store(true)
	r.press("2", "?")
	r.see("[2 Semaphores]", "Keys")
	r.press("Esc", "6")
	r.see("[6 Locks]", "reading …")
	close(goOn)
	r.see(announced)
	r.seeNot("reading …")
}

func TestAnnouncements(t *testing.T) {
	procs := func(pids ...uint64) (refs []schema.Ref) {
		for _, pid := range pids {
			refs = append(refs, schema.Ref{Kind: schema.Proc, ID: pid}, schema.Ref{Kind: schema.Sem, ID: pid})
		}
		return refs
	}
	deadlock := func(proof schema.Proof, pids ...uint64) schema.Finding {
		return schema.Finding{Kind: "deadlock", Severity: schema.Critical, Proof: proof, Refs: procs(pids...)}
	}
	a := &app{}
	for _, v := range views.Tabs() {
		a.tabs = append(a.tabs, newTab(v))
	}
	for name, c := range map[string]struct {
		findings []schema.Finding
		want     alarms
	}{
		"nothing": {nil, alarms{}},
		"itself":  {[]schema.Finding{deadlock(schema.Observed, 7)}, alarms{critical: "deadlock: threads of 7/"}},
		"three": {[]schema.Finding{deadlock(schema.Inferred, 7, 8, 9)},
			alarms{critical: "likely deadlock: 7/ → 8/ → 9/ → 7/"}},
		"six": {[]schema.Finding{deadlock(schema.Observed, 1, 2, 3, 4, 5, 6)},
			alarms{critical: "deadlock: 1/ → 2/ → 3/ → … (6 processes)"}},
		"one likely": {[]schema.Finding{deadlock(schema.Observed, 1, 2), deadlock(schema.Inferred, 3, 4)},
			alarms{critical: "2 deadlocks: 1/ ↔ 2/; likely 3/ ↔ 4/"}},
		"all likely": {[]schema.Finding{deadlock(schema.Inferred, 1, 2), deadlock(schema.Inferred, 3, 4)},
			alarms{critical: "2 likely deadlocks: 1/ ↔ 2/; 3/ ↔ 4/"}},
		"others": {[]schema.Finding{
			{Kind: "stuck", Severity: schema.Critical, Refs: procs(5)},
			{Kind: "stuck", Severity: schema.Warning, Refs: procs(6)},
			{Kind: "stopped", Severity: schema.Warning, Refs: procs(7)},
			{Kind: "stopped", Severity: schema.Warning, Refs: procs(8)},
			{Kind: "leak", Severity: schema.Warning, Refs: procs(9)},
			{Kind: "deadlock", Severity: schema.Warning, Proof: schema.Inferred, Refs: procs(3, 4)},
		}, alarms{critical: "stuck: 5/", others: "1 possible deadlock, 1 stuck, 2 stopped"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.alarmsIn(&collect.Snapshot{Findings: c.findings}); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}
