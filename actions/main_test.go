package actions

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{
		"attach": workAttach,
		"semop":  workSemOp,
		"sleep":  func(j *kerneltest.Job) { j.Ready(); j.Wait() },
		"deaf": func(j *kerneltest.Job) {
			signal.Ignore(syscall.SIGTERM)
			j.Ready()
			j.Wait()
		},
		"link": workLink,
		"headless": func(j *kerneltest.Job) {
			j.Ready()
			kerneltest.EndFirstThread()
			j.Wait()
		},
		"zombie":     workZombie,
		"own":        workOwn,
		"own-shm":    workOwnShm,
		"plan-there": workPlanThere,
		"force":      workForce,
		"plan":       workPlan,
		"exec":       workExec,
		"below":      workBelow,
		"let-go":     workLetGo,
		"sem-wait":   workSemWait,
		"mq-open":    workMqOpen,
		"map-shm":    workMapShm,
	})
}

// workAttach maps a segment and waits for a line. Then it unmaps the segment.
func workAttach(j *kerneltest.Job) {
	id, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	data, err := kernel.NewAdmin().ShmAttach(id, false)
	j.Check(err)
	j.Ready()
	j.Wait()
	j.Check(kernel.NewAdmin().ShmDetach(data))
	j.Ready()
	j.Wait()
}

// workSemOp subtracts 1 from semaphore 0. That call may block.
func workSemOp(j *kerneltest.Job) {
	id, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	j.Ready()
	if err := kernel.NewAdmin().SemOp(id, []sysv.SemOp{{Op: -1}}, -1); err != nil {
		j.Ready(err)
		return
	}
	j.Ready("done")
	j.Wait()
}

// machine is a Planner on the live machine. Its journal is in a directory of the test.
type machine struct {
	*Planner
	t     *testing.T
	admin *kernel.Admin
	state string
}

func live(t *testing.T) *machine {
	t.Helper()
	host, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	getenv := func(name string) string {
		return map[string]string{"XDG_STATE_HOME": state, "SUDO_USER": "carol"}[name]
	}
	journal := NewJournal(host, []string{"ipctop", "rm", "…"}, getenv, time.Now)
	return &machine{NewPlanner(Options{Host: host, Now: time.Now, Journal: journal}), t, kernel.NewAdmin(), state}
}

func (m *machine) journalPath() string { return filepath.Join(m.state, "ipctop", "journal.jsonl") }

func (m *machine) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) shm(key uint32, size uint64) schema.Ref {
	m.t.Helper()
	id, err := m.admin.ShmGet(key, size, 0o600|sysv.IPCCreat|sysv.IPCExcl)
	m.ok(err)
	return m.ref(schema.Shm, id)
}

func (m *machine) msg(key uint32) schema.Ref {
	m.t.Helper()
	id, err := m.admin.MsgGet(key, 0o600|sysv.IPCCreat|sysv.IPCExcl)
	m.ok(err)
	return m.ref(schema.Msg, id)
}

func (m *machine) sem(key uint32, nsems int) schema.Ref {
	m.t.Helper()
	id, err := m.admin.SemGet(key, nsems, 0o600|sysv.IPCCreat|sysv.IPCExcl)
	m.ok(err)
	return m.ref(schema.Sem, id)
}

// ref returns the Ref of the System V object that has this id now.
func (m *machine) ref(kind schema.Kind, id int) schema.Ref {
	m.t.Helper()
	var ctime int64
	var err error
	switch kind {
	case schema.Msg:
		var q sysv.MsgQueue
		q, err = m.host.MsgStat(id)
		ctime = q.CTime
	case schema.Sem:
		var s sysv.SemSet
		s, err = m.host.SemStat(id)
		ctime = s.CTime
	case schema.Shm:
		var s sysv.ShmSegment
		s, err = m.host.ShmStat(id)
		ctime = s.CTime
	}
	m.ok(err)
	return schema.Ref{Kind: kind, ID: uint64(id), Gen: uint64(ctime)}
}

func (m *machine) proc(pid int) schema.Ref {
	m.t.Helper()
	stat, err := proc.StatOf(m.host, pid)
	m.ok(err)
	return proc.RefOf(&stat)
}

// run runs the plan and returns the results as lines.
func (m *machine) run(p *Plan) []string {
	m.t.Helper()
	var lines []string
	m.ok(p.Run(context.Background(), func(r Result) { lines = append(lines, string(r.Outcome)+" "+r.String()) }))
	return lines
}

// refused runs the plan, and checks that its only step is refused for a reason that starts with why.
func (m *machine) refused(p *Plan, r schema.Ref, why string) {
	m.t.Helper()
	want := "refused " + r.String() + ": " + why
	if got := m.run(p); len(got) != 1 || !strings.HasPrefix(got[0], want) {
		m.t.Errorf("got %q, want one line that starts with %q", got, want)
	}
}

func (m *machine) removal(refs ...schema.Ref) *Plan {
	m.t.Helper()
	p, err := m.Remove(refs)
	m.ok(err)
	return p
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only")
	}
}

// workZombie keeps a dead child as a zombie. Its words are the child's pid.
func workZombie(j *kerneltest.Job) {
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"none", "-test.run=^$"},
		&syscall.ProcAttr{Env: []string{"NO=worker"}})
	j.Check(err)
	j.Ready(pid)
	j.Wait()
}

// workPlan plans as another user: SIGTERM to a process, or the removal of "kind id ctime". Its words are the refusals
// and the id that each step wants typed.
func workPlan(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	p := NewPlanner(Options{Host: host, Now: time.Now})
	number := func(i int) int {
		n, err := strconv.Atoi(j.Args[i])
		j.Check(err)
		return n
	}
	var plan *Plan
	if len(j.Args) == 1 {
		stat, err := proc.StatOf(p.host, number(0))
		j.Check(err)
		plan, err = p.Signal(Signal{Number: syscall.SIGTERM, Name: "TERM"}, []schema.Ref{proc.RefOf(&stat)}, Holders)
		j.Check(err)
	} else {
		plan, err = p.Remove([]schema.Ref{{Kind: schema.Kind(j.Args[0]), ID: uint64(number(1)),
			Gen: uint64(number(2))}})
		j.Check(err)
	}
	for _, r := range plan.Refused {
		j.Ready(r)
	}
	for _, st := range plan.Steps {
		j.Ready("confirm", st.Confirm)
	}
}

// workForce removes a segment without a plan. Its words are the result.
func workForce(j *kerneltest.Job) {
	id, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	step := Step{Ref: schema.Ref{Kind: schema.Shm, ID: uint64(id)},
		do: func() (string, error) { return "removed", kernel.NewAdmin().ShmRemove(id) }}
	r := step.run((&Plan{}).lookAgain())
	j.Ready(r.Outcome, r)
}
