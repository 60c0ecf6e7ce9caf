package proc

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// unseen holds the processes whose part of a source could not be read. A process is in one of the lists.
type unseen struct {
	denied []*Process // the reader has no right to read it
	failed []*Process // another cause, such as no free descriptor
	err    error      // the first error of failed
}

// unread counts the processes of which nothing could be read, though they may live.
type unread struct {
	n   int
	err error // the first error
}

func (u *unread) add(err error) {
	if err != nil {
		u.n++
		u.err = cmp.Or(u.err, err)
	}
}

// failure is err if it is neither missing rights nor the end of what was read, else nil.
func failure(err error) error {
	if err == nil || sys.Denied(err) || sys.Gone(err) {
		return nil
	}
	return err
}

// recordRefusals records the processes whose part of a source could not be read. The reader itself is never gone: an
// error that says so means a file that this /proc does not have.
func (t *Tick) recordRefusals() {
	for _, p := range t.procs {
		for source, err := range map[string]error{"fd": cmp.Or(p.FDErr, p.OwnErr, failure(p.FDCountErr)),
			"maps":    p.MapsErr,
			"syscall": cmp.Or(p.WaitErr, p.TaskErr), "ns": p.NSErr, "status": p.SmallErr,
			"memory": p.MemoryErr} {
			missing := t.Host.Live() && p.PID == t.Self && sys.Gone(err)
			switch fail := failure(err); {
			case sys.Denied(err):
				t.Refuse(source, p)
			case fail != nil || missing:
				s := t.sourceOf(source)
				s.failed, s.err = append(s.failed, p), cmp.Or(s.err, err)
			}
		}
	}
}

func (t *Tick) sourceOf(source string) *unseen {
	if t.unseen == nil {
		t.unseen = map[string]*unseen{}
	}
	s := t.unseen[source]
	if s == nil {
		s = &unseen{}
		t.unseen[source] = s
	}
	return s
}

// Refuse records that a process refused a source: "fd", "maps", "syscall" or "ns".
func (t *Tick) Refuse(source string, p *Process) {
	s := t.sourceOf(source)
	s.denied = append(s.denied, p)
}

// Refused lists the processes whose part of a source could not be read.
func (t *Tick) Refused(source string) []*Process {
	if s := t.unseen[source]; s != nil {
		return slices.Concat(s.denied, s.failed)
	}
	return nil
}

// Unread counts the processes of which nothing could be read, though they may live.
func (t *Tick) Unread() int { return t.unread.n }

// refusals returns the faults of each source that could not be read of all processes. If the mappings of every segment
// were found, unread maps hide nothing.
func (t *Tick) refusals() []schema.Fault {
	advice := "root sees all"
	if sys.EffectiveUID() == 0 {
		advice = "a security module, a user namespace or a missing capability keeps them from root"
	}
	faults := t.unreadFaults()
	for _, s := range []struct{ source, what, hides string }{
		{"fd", "file descriptors", "who holds what there is not shown"},
		{"maps", "memory maps", "who maps what there is not shown"},
		{"syscall", "system calls", "who waits there is not shown"},
		{"memory", "arguments of system calls", "what threads wait for there is known in part"},
		{"ns", "namespaces", "those of theirs alone are not shown"},
		{"status", "users and arguments", "whose they are is not shown"},
	} {
		unseen := t.unseen[s.source]
		if unseen == nil || s.source == "maps" && t.mapsFound && !asked[fileIndex](t) || s.source == "ns" &&
			!t.Needs.Has(NeedNamespaces) {
			continue
		}
		if n := len(unseen.denied); n > 0 {
			faults = append(faults, schema.Fault{Source: s.source, Denied: true, Count: n,
				Says: fmt.Sprintf("the %s of %s could not be read (permission denied): %s; %s", s.what,
					t.nameOrCount(s.source, unseen.denied), s.hides, advice)})
		}
		if n := len(unseen.failed); n > 0 {
			faults = append(faults, schema.Fault{Source: s.source, Failed: true, Count: n,
				Says: fmt.Sprintf("the %s of %s could not be read (%s): %s", s.what,
					t.nameOrCount(s.source, unseen.failed), causeOf(unseen.err), s.hides)})
		}
	}
	return faults
}

// unreadFaults are the faults of a /proc that does not show the processes.
func (t *Tick) unreadFaults() (faults []schema.Fault) {
	if u := t.unread; u.n > 0 && t.byPID != nil {
		faults = append(faults, schema.Fault{Source: "processes", Failed: true, Count: u.n,
			Says: fmt.Sprintf("%d of %d processes could not be read (%s): what they hold and wait for is not shown",
				u.n, u.n+len(t.procs), causeOf(u.err))})
	}
	if !t.Host.Live() || t.byPID == nil || t.walkFailed || t.unread.n > 0 || t.Process(t.Self) != nil {
		return faults
	}
	says := "/proc is that of another pid namespace: processes of this one are not shown; mount the own one " +
		"(mount -t proc proc /proc)"
	if len(t.procs) == 0 {
		says = "/proc shows no process, not even this one: nothing is known of any; mount it (mount -t proc proc /proc)"
	}
	return append(faults, schema.Fault{Source: "processes", Failed: true, Says: says})
}

// causeOf is the error in a few words, with advice if a person can mend the cause.
func causeOf(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	switch errno {
	case syscall.EMFILE:
		return errno.Error() + ", raise ulimit -n"
	case syscall.ENFILE:
		return errno.Error() + ", raise fs.file-max"
	}
	return strings.TrimSpace(errno.Error())
}

// nameOrCount names the only process of a list, or counts the processes. Kernel threads have namespaces only, so they
// count only for "ns".
func (t *Tick) nameOrCount(source string, list []*Process) string {
	if len(list) == 1 {
		return fmt.Sprintf("process %d/%s", list[0].PID, list[0].Comm)
	}
	asked := 0
	for _, p := range t.procs {
		if source == "ns" || source == "status" || !p.KernelThread() {
			asked++
		}
	}
	return fmt.Sprintf("%d of %d processes", len(list), asked)
}
