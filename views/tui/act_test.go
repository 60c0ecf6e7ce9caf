package tui

import (
	"fmt"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	semundo "github.com/ipctop/ipctop/collect/kernel/undo"
	"github.com/ipctop/ipctop/collect/schema"
)

func testWorkers() kerneltest.Workers {
	return kerneltest.Workers{
		"attach":    kerneltest.Attach,
		"queue":     workQueue,
		"segment":   workSegment,
		"semaphore": workSemaphore,
		"sleep":     func(j *kerneltest.Job) { j.Ready(); j.Wait() },
		"deaf": func(j *kerneltest.Job) {
			signal.Ignore(syscall.SIGTERM)
			j.Ready()
			j.Wait()
		},
	}
}

// live is the dashboard on the test's own machine: its namespaces.
func live(t *testing.T) *rig {
	return openRig(t, "", 100, 40, func(o *Options) { o.Planner = planner(t) })
}

// planner makes plans for the live machine.
func planner(t testing.TB) *actions.Planner { return plannerOf(t, 0) }

// plannerOf makes a planner with this grace time of collect.Request.
func plannerOf(t testing.TB, grace time.Duration) *actions.Planner {
	t.Helper()
	host, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	env := func(name string) string { return map[string]string{"XDG_STATE_HOME": state}[name] }
	return actions.NewPlanner(actions.Options{Host: host, Now: time.Now, Grace: grace,
		Journal: actions.NewJournal(host, []string{"ipctop"}, env, time.Now)})
}

// graceless is a planner to which the age of an object is all the same.
func graceless(t testing.TB) *actions.Planner { return plannerOf(t, collect.NoGrace) }

func segment(t *testing.T) int {
	t.Helper()
	id, err := kernel.NewAdmin().ShmGet(sysv.KeyPrivate, 4096, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// segments lists the segments that exist; "dest" stands after a segment that is marked for destruction.
func segments(t *testing.T) []string {
	t.Helper()
	host, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	all, err := host.ShmSegments(false)
	if err != nil {
		t.Fatal(err)
	}
	left := []string{}
	for _, s := range all {
		text := fmt.Sprint("shm:", s.ID)
		if s.Dest() {
			text += " dest"
		}
		left = append(left, text)
	}
	return left
}

func TestRemoveAsksAndRemoves(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		id := segment(t)
		ref := fmt.Sprint("shm:", id)
		r := live(t)
		r.toTab(schema.Shm)
		r.see(ref)
		r.press("F8")
		r.see("Remove 1 object", fmt.Sprint("ipcrm -m ", id), "y = yes")
		r.press("n")
		r.seeNot("Remove 1 object")
		same(t, "after no", []string{ref}, segments(t))
		r.press("Ctrl-D")
		r.see("y = yes")
		r.press("y")
		r.see("done: "+ref, "Enter or Esc closes")
		same(t, "after yes", []string{}, segments(t))
		r.press("Enter")
		r.see("there are none")
	})
}

func TestALiveObjectWantsItsIDTyped(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		id := segment(t)
		ref := fmt.Sprint("shm:", id)
		kerneltest.Start(t, "attach", fmt.Sprint(id))
		r := live(t)
		r.toTab(schema.Shm)
		r.see(ref)
		r.press("F8")
		r.see("has it attached", fmt.Sprintf("type %d to go on", id))
		r.press("y", "Enter")
		r.see("that is not " + fmt.Sprint(id))
		same(t, "after another text", []string{ref}, segments(t))
		r.press("Enter")
		r.see("Nothing was done")
		same(t, "after nothing was typed", []string{ref}, segments(t))
		r.press("Esc", "F8")
		r.see("type ")
		r.write(fmt.Sprint(id))
		r.press("Enter")
		r.see("done: " + ref)
		same(t, "after its id", []string{ref + " dest"}, segments(t))
	})
}

// The plan holds the marked objects, even those that a filter hides. It tells their number.
func TestRemoveOfHiddenMarks(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		a, b, c := segment(t), segment(t), segment(t)
		r := live(t)
		r.toTab(schema.Shm)
		r.see(fmt.Sprint("shm:", c))
		r.press("Space", "Space", "/")
		r.write(fmt.Sprint("shm:", a))
		r.press("Enter", "F8")
		r.see("hidden by a filter, and meant as well: 1", "Remove 2 objects", fmt.Sprint("ipcrm -m ", a),
			fmt.Sprint("ipcrm -m ", b))
		r.press("y")
		r.see(fmt.Sprint("done: shm:", a), fmt.Sprint("done: shm:", b), "Enter or Esc closes")
		same(t, "left", []string{fmt.Sprint("shm:", c)}, segments(t))
		r.press("Esc", "Esc")
		r.seeNot("marked")
	})
}

func TestSignalMenu(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "sleep")
		r := live(t)
		r.toTab(schema.Proc)
		r.press("\\")
		r.write(fmt.Sprint("pid == ", w.PID))
		r.press("Enter", "k")
		r.see("Signal to send", " 15 SIGTERM", "asks it to end")
		line := ""
		r.inside(func(a *app) { m := a.top().(*menu); line = spansText(m.items[m.index].spans) })
		if !strings.Contains(line, "SIGTERM") {
			t.Errorf("the cursor stands on %q", line)
		}
		r.write("quit") // in a menu letters jump, even letters of other keys
		r.write("9")
		r.press("Enter")
		r.see("Send SIGKILL to 1 process", fmt.Sprint("kill -KILL ", w.PID))
		r.press("y")
		r.see("SIGKILL sent")
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(w.PID, &status, 0, nil); err != nil || status.Signal() != syscall.SIGKILL {
			t.Errorf("the process ended with %v, %v", status, err)
		}
	})
}

// A small screen asks for the whole id.
func TestTheQuestionFitsASmallScreen(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		id := segment(t)
		ref := fmt.Sprint("shm:", id)
		kerneltest.Start(t, "attach", fmt.Sprint(id))
		r := live(t)
		r.resize(40, 10)
		r.toTab(schema.Shm)
		r.see(ref)
		r.press("F8")
		r.waitFor("the question", func(s string) bool {
			words := strings.Join(strings.Fields(strings.NewReplacer("│", " ", "\n", " ").Replace(s)), " ")
			return strings.Contains(words, fmt.Sprintf("%s is in use: type %d to go on:", ref, id))
		})
		r.write(fmt.Sprint(id))
		r.press("Enter")
		r.see("done: " + ref)
	})
}

// From a list of objects, or from an object's page, a signal goes to the processes at the object.
func TestSignalToTheProcessesAtAnObject(t *testing.T) {
	for from, keys := range map[string][]string{"list": {"F9"}, "page": {"Enter", "F9"}} {
		t.Run(from, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				id := segment(t)
				w := kerneltest.Start(t, "attach", fmt.Sprint(id))
				r := live(t)
				r.toTab(schema.Shm)
				r.see(fmt.Sprint("shm:", id))
				r.press(keys...)
				r.see("to the holders of shm:", "(Tab: ")
				r.press("Enter")
				r.see("Send SIGTERM to 1 process", fmt.Sprint("kill -TERM ", w.PID))
				r.press("Esc")
				r.seeNot("Send SIGTERM")
			})
		})
	}
}

// workSemaphore takes semaphore 0 of a set with SEM_UNDO. A worker that cannot take the semaphore sleeps.
func workSemaphore(j *kerneltest.Job) {
	id, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	j.Ready()
	j.Check(kernel.NewAdmin().SemOp(id, []sysv.SemOp{{Op: -1, Flags: sysv.SemUndo}}, -1))
	j.Wait()
}

// The holders of a semaphore are the processes that took it, not those that wait for it.
func TestHoldersOfASemaphore(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := semundo.Open(host.Root); err != nil {
			t.Skipf("who holds a semaphore cannot be read: %v", err)
		}
		admin := kernel.NewAdmin()
		id := kerneltest.Must(admin.SemGet(sysv.KeyPrivate, 1, 0o600))(t)
		kerneltest.OK(t, admin.SemSetValue(id, 0, 1))
		holder := kerneltest.Start(t, "semaphore", fmt.Sprint(id))
		kerneltest.Eventually(t, "the semaphore is taken", func() bool {
			values, err := host.SemValues(id, 1)
			return err == nil && values[0].Value == 0
		})
		waiter := kerneltest.Start(t, "semaphore", fmt.Sprint(id))
		kerneltest.Eventually(t, "the other one waits", func() bool {
			n, _, err := host.SemWaiters(id, 1)
			return err == nil && n == 1
		})
		r := live(t)
		r.toTab(schema.Sem)
		r.see(fmt.Sprint("sem:", id))
		r.press("o")
		r.see(fmt.Sprint("processes at sem:", id))
		kerneltest.Eventually(t, "the holder alone is listed", func() bool {
			return slices.Equal(r.rows(), []string{fmt.Sprint(">proc:", holder.PID)})
		})
		r.press("Backspace", "F9")
		r.see(fmt.Sprint("to the holders of sem:", id), "(Tab: waiters)")
		r.press("Tab")
		r.see(fmt.Sprint("to the waiters of sem:", id), "(Tab: enders)")
		r.press("Enter")
		r.see(fmt.Sprint("kill -TERM ", waiter.PID))
		r.press("Esc", "F9", "Enter")
		r.see(fmt.Sprint("kill -TERM ", holder.PID), fmt.Sprintf("exe (pid %d)", holder.PID))
		r.seeNot(fmt.Sprint("kill -TERM ", waiter.PID))
	})
}

// A key of a verb that does not fit the object says what does.
func TestAKeyThatDoesNotFitSaysWhy(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		id := segment(t)
		r := live(t)
		r.toTab(schema.Shm)
		r.see(fmt.Sprint("shm:", id))
		r.press("x")
		r.see("only TCP, UDP and raw sockets are closed")
		r.press("Down")
		r.seeNot("only TCP")
	})
}
