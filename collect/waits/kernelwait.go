package waits

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/blocker"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Sleeps in state D. The thread waits inside the kernel: for a page, a disk, a server of its files, or a lock of the
// kernel. No signal wakes it. Some of these sleeps end by SIGKILL (TASK_KILLABLE). Threads of every machine sleep so
// for milliseconds, so only longer sleeps count.

// briefly is the length of a sleep in state D that is no wait yet.
const briefly = time.Second

// What signals do to a sleep in state D.
const (
	deaf       = "no signal ends it"
	killable   = "no signal but SIGKILL ends it"
	unsureDeaf = "no signal ends it, except perhaps SIGKILL"
)

// kernelWait completes the task of a thread that has slept in state D for a while. It reports false for other threads.
func (g *graph) kernelWait(t *relate.Task, p *proc.Process, th *proc.Thread) bool {
	if !th.Deaf || !g.tick.Host.Live() || th.Call.MayVfork() && len(g.vforked(p, th).enders) > 0 {
		return false
	}
	since := g.tick.SleepsSince(p, th)
	if since.IsZero() || g.tick.Now.Sub(since) < briefly {
		return false
	}
	function, ok := g.stillDeaf(p, th)
	if !ok {
		return false
	}
	call := "outside of any call"
	if th.In == process.InCall {
		call = callName(th)
	}
	t.Activity = relate.Waiting
	t.Wait = relate.Wait{Call: call, Since: since, Token: g.tick.Token(th)}
	sleeps, err := kernelSleeps(g.tick)
	sleep, known := sleeps[th.TID]
	switch {
	case known && sleep.Killable:
		t.Wait.Signals = killable
	case known:
		t.Wait.Signals = deaf
	default:
		t.Wait.Signals = unsureDeaf
	}
	if known && sleep.Lock != blocker.NoLock {
		t.Wait.Via = fmt.Sprintf("%s (%s)", sleep.Lock, call)
		t.Wait.Enders, t.Wait.Open = g.lockOwner(sleep.Owner, since)
		return true
	}
	what, who := inKernel(function)
	t.Wait.Via, t.Wait.Open = what+" ("+call+inFunction(function)+")", who
	if what == theKernel && err != nil && !errors.Is(err, blocker.ErrNone) {
		t.Wait.Open += " (" + err.Error() + ")"
	}
	return true
}

// stillDeaf looks again at a thread that slept in state D: the walk may have read it a while ago. function is the
// kernel's function in which it sleeps; "": not told.
func (g *graph) stillDeaf(p *proc.Process, th *proc.Thread) (function string, ok bool) {
	dir, err := g.tick.Host.OpenProc(p.Living())
	if err != nil {
		return "", false
	}
	defer dir.Close()
	function = dir.SleepsIn(th.TID)
	n, state, err := dir.Switches(th.TID, make([]byte, 4096))
	return function, err == nil && state == 'D' && n == th.Sleeps
}

// lockOwner makes an ender of the owner of a lock. Its proof is inferred: the owner was read while all threads went on.
func (g *graph) lockOwner(o blocker.Owner, since time.Time) (enders []relate.Ender, open string) {
	p := g.tick.Process(o.PID)
	switch {
	case o.PID == 0 && o.Comm == "":
		return nil, "whoever has the lock"
	case p == nil || o.PID == 0:
		return nil, fmt.Sprintf("a process named %s, which is not seen here", o.Comm)
	case p.KernelThread():
		return nil, fmt.Sprintf("the kernel's thread %d/%s", p.PID, p.Comm)
	}
	e := relate.Ender{Proc: p.Ref(), TID: o.TID, How: "holds it", Proof: schema.Inferred}
	if !o.Last {
		return []relate.Ender{e}, ""
	}
	// The lock may name a task that has ended. Its memory may belong to a new task now. since is an estimate.
	if g.tick.StartTime(p.Start).After(since.Add(time.Second)) {
		return nil, "whoever has the lock"
	}
	e.How, e.Weak = "took it last", true
	return []relate.Ender{e}, "whoever else has the lock"
}

// inKernel tells in words what a thread waits for in a function of the kernel, and who could end the wait. wchan names
// no function of a lock, but the function that takes the lock (in_sched_functions in kernel/sched/core.c). So the table
// has only functions that themselves wait for a thing. Compilers add endings to names, so a name only has to begin with
// an entry.
func inKernel(function string) (what, who string) {
	for _, known := range [...]struct{ names, what, who string }{
		{"fuse_get_req request_wait_answer __fuse_simple_request", "an answer of a FUSE server",
			"the server of the file system"},
		{"rpc_wait_bit nfs_wait nfs4_wait", "an answer of an NFS server", "the NFS server"},
		{"folio_wait __folio_lock wait_on_page __lock_page", "a page of a file", "the disk or server of the file"},
		{"jbd2_log_wait jbd2_journal_wait wait_transaction xlog_wait xlog_grant", "the journal of a file system",
			"the disk"},
		{"submit_bio_wait blk_execute_rq blk_mq_get_tag rq_qos_wait __wait_on_buffer", "a disk", "the disk"},
		{"percpu_rwsem_wait", "a lock of the kernel, or the thaw of a file system",
			"whoever has the lock, or has frozen the file system"},
	} {
		for _, name := range strings.Fields(known.names) {
			if strings.HasPrefix(function, name) {
				return known.what, known.who
			}
		}
	}
	return theKernel, "whoever the kernel waits for"
}

const theKernel = "the kernel"

func inFunction(function string) string {
	if function == "" {
		return ""
	}
	return " in " + function
}

// kernelSource opens the reader of the kernel's locks at the first call and keeps it. After a refusal it does not try
// again.
type kernelSource struct {
	reader *blocker.Reader // it closes with its file, at the end of its last use
	err    error
}

func (s *kernelSource) read(h *kernel.Host) (map[int]blocker.Sleep, error) {
	if s.reader == nil && s.err == nil {
		s.reader, s.err = blocker.Open(h.Root)
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.reader.Sleeps()
}

type kernelFacts struct {
	sleeps map[int]blocker.Sleep
	err    error
}

// kernelSleeps reads the sleeps in state D of all threads, once in a tick.
func kernelSleeps(t *proc.Tick) (map[int]blocker.Sleep, error) {
	facts := proc.Memo(t, func(t *proc.Tick) kernelFacts {
		source := proc.Keep(t.Kept, func() kernelSource { return kernelSource{} })
		sleeps, err := source.read(t.Host)
		return kernelFacts{sleeps, err}
	})
	return facts.sleeps, facts.err
}

// blockedLong is the age of a sleep in state D that people should know of. The kernel itself complains after 120
// seconds (kernel.hung_task_timeout_secs).
const blockedLong = 10 * time.Second

// blockedFindings reports threads that sleep in state D for long. Those behind another such thread are named with it.
func blockedFindings(t *proc.Tick, objects []*schema.Object) (findings []schema.Finding) {
	at := map[schema.Ref]*Row{}
	for _, o := range objects {
		at[o.Ref] = o.Row.(*Row)
	}
	behind := map[*Row][]string{}
	long := func(r *Row) bool { return r.blocked() && t.Now.Sub(r.Task.Wait.Since) >= blockedLong }
	root := func(r *Row) *Row {
		top := r
		for up := at[r.parent]; up != nil; up = at[up.parent] {
			if long(up) {
				top = up
			}
		}
		return top
	}
	var roots []*Row
	for _, o := range objects {
		r := o.Row.(*Row)
		if !long(r) || r.Status.Bad() { // a graver finding tells of it
			continue
		}
		if top := root(r); top != r {
			behind[top] = append(behind[top], fmt.Sprintf("%d/%s", r.process.PID, r.Task.Comm))
			continue
		}
		roots = append(roots, r)
	}
	for _, r := range roots {
		f := schema.Finding{Kind: "blocked", Severity: schema.Warning, Proof: schema.Observed,
			Says:     "blocked in the kernel: " + r.says,
			Evidence: []string{"observed: state D since " + r.Task.Wait.Since.Format("2006-01-02 15:04:05 -0700")},
			Refs:     []schema.Ref{r.Task.Proc}, Alike: fmt.Sprintf("blocked; %q %s", r.Task.Comm, r.Task.Wait.Via),
			Advice: fmt.Sprintf("find what it waits for, and mend that: as root, /proc/%d/task/%d/stack shows where "+
				"in the kernel it sleeps, and \"echo w > /proc/sysrq-trigger\" writes the stacks of all such "+
				"threads to the kernel's log",
				r.process.PID, r.Task.TID)}
		if names := behind[r]; len(names) > 0 {
			f.Evidence = append(f.Evidence,
				"behind it: "+strings.Join(names[:min(len(names), 8)], ", ")+more(len(names)-8))
		}
		findings = append(findings, f)
	}
	return findings
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// blocked is true for a thread that sleeps in state D.
func (r *Row) blocked() bool { return r.Task.Activity == relate.Waiting && r.Task.Wait.Signals != "" }
