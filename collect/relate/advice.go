package relate

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// breakAdvice advises which process to end. When a process ends, the kernel closes its descriptors and releases its
// file locks (man 2 _exit, man 2 flock). It undoes semaphore operations only under SEM_UNDO (man 2 semop), and
// releases only robust mutexes (man 3 pthread_mutexattr_setrobust).
//
// Several processes can have one lock or pipe end open. The waiter goes on only after the last of them ends.
func (s *Solution) breakAdvice(k *Knot) string {
	if one := s.onlyProcess(k); one != nil && !s.anyDeaf(k.Members) {
		why := "it waits for what it has itself"
		if len(k.Members) > 1 {
			why = "its threads wait for each other"
		}
		return fmt.Sprintf("end %d/%s and start it again: %s, so nothing else helps", one.Proc.ID, one.Comm, why)
	}
	var singles, group holders
	for _, step := range k.Cycle {
		switch h := s.holders(s.Nodes[step.Node].Task); {
		case len(h.names) == 1:
			singles.add(h)
		case len(h.names) > 1 && (group.names == nil || len(h.names) < len(group.names)):
			group = h
		}
	}
	switch {
	case len(singles.names) == 1:
		return "end " + singles.names[0] + singles.then()
	case len(singles.names) > 1:
		return "end one of " + joinShown(singles.names) + singles.then()
	case group.names != nil:
		return "end all of " + joinShown(group.names) + group.then()
	case s.anyDeaf(k.Members):
		return deafAdvice
	}
	return "end one of the processes: who waits for it goes on only if the kernel gives back what it took (semaphore " +
		"operations under SEM_UNDO, robust mutexes); " +
		"else end all of them, and reset the object before they start again"
}

// onlyProcess returns a thread of the process that has all members of a knot; nil: the knot has several processes.
func (s *Solution) onlyProcess(k *Knot) *Task {
	first := s.Nodes[k.Members[0]].Task
	for _, m := range k.Members {
		if s.Nodes[m].Task.Proc != first.Proc {
			return nil
		}
	}
	return first
}

// holders are the processes whose ends free an object.
type holders struct {
	names []string
	// What the kernel gives back: semaphore operations, or locks and descriptors.
	undo, other bool
}

func (h *holders) add(o holders) {
	for _, n := range o.names {
		if !slices.Contains(h.names, n) {
			h.names = append(h.names, n)
		}
	}
	h.undo, h.other = h.undo || o.undo, h.other || o.other
}

// holders lists the processes whose ends free the object of a wait. It lists none if the kernel may give nothing back.
func (s *Solution) holders(t *Task) (h holders) {
	w := &t.Wait
	byUndo := w.On.Kind == schema.Sem
	switch w.On.Kind {
	case schema.PSem, schema.Shm, schema.PShm, schema.Memfd, schema.Mmap, schema.Msg, schema.PMsg:
		return holders{}
	case "":
		if !t.deaf() { // else it waits for a lock of the kernel
			return holders{}
		}
	}
	if s.deafHolder(w) {
		return holders{}
	}
	for i := range w.Enders {
		e := &w.Enders[i]
		switch {
		case e.Weak:
		case byUndo && !e.GivesBack:
			return holders{}
		default:
			h.add(holders{names: []string{taskName(s.taskOf(e))}, undo: byUndo, other: !byUndo})
		}
	}
	return h
}

// then tells what follows the end of the holders.
func (h *holders) then() string {
	what := "locks and descriptors"
	switch {
	case h.undo && h.other:
		what = "locks, descriptors and semaphore operations (SEM_UNDO)"
	case h.undo:
		what = "its semaphore operations (SEM_UNDO)"
	}
	return ": the kernel then gives back " + what + ", and who waits for those goes on; prefer what can be done again"
}

// stuckAdvice advises what to do about stuck waits for one object.
func (s *Solution) stuckAdvice(group []int, names []string) string {
	if s.anyDeaf(group) {
		return deafAdvice
	}
	if own := s.ownLock(group); own != "" {
		return own
	}
	return s.forgottenEnd(group) + "nothing that runs will wake " + schema.Plural(len(names), "it", "them") +
		": end " + joinShown(names) + ", or give by hand what is awaited; then start again what should have given it"
}

// forgottenEnd names the descriptor that keeps a pipe or socket open although only the waiter has it: "fd 4 of 5/child
// keeps pipe:7 open, and only 5/child has it: ". It returns "" for other waits.
func (s *Solution) forgottenEnd(group []int) string {
	for _, i := range group {
		t := s.Nodes[i].Task
		for k := range t.Wait.Enders {
			if e := &t.Wait.Enders[k]; e.ByFD && e.Weak && e.Proc == t.Proc {
				owner := asNamed(t, e)
				return fmt.Sprintf("fd %d of %s keeps %s open, and nobody else has it: close it before the wait; ",
					e.FD, taskName(owner), t.Wait.objectFor(e))
			}
		}
	}
	return ""
}

// ownLock names a thread that waits for a lock that its own process has by another descriptor, which it may have
// inherited. Such a lock ends with the open file (flock(2), F_OFD_SETLK in fcntl(2)). It returns "" if there is none.
func (s *Solution) ownLock(nodes []int) string {
	for _, i := range nodes {
		t := s.Nodes[i].Task
		for k := range t.Wait.Enders {
			e := &t.Wait.Enders[k]
			if on := t.Wait.objectFor(e); on.Kind == schema.Lock && e.ByFD && e.Proc == t.Proc {
				return fmt.Sprintf("%s itself has the lock by its fd %d (opened before, or inherited): only closing "+
					"this fd, or the end of %s, helps", taskName(t), e.FD, taskName(t))
			}
		}
	}
	return ""
}
