package waits

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Descriptors that stand in no process's directory: those on their way through a socket or registered with an
// io_uring, and those of threads with a table of their own. They are looked for when threads look stuck.

// hiddenEnds says who may have an end that no process's directory of descriptors shows; "": nobody has.
func (g *graph) hiddenEnds() string {
	if !g.tick.Host.Live() {
		return ""
	}
	for _, p := range g.tick.Processes() {
		for i := range p.Tasks {
			if tid := p.Tasks[i].TID; tid != p.PID && p.Tasks[i].In != process.Ended && !g.sameFiles(p, tid) {
				return fmt.Sprintf("a thread of %d/%s that has descriptors of its own", p.PID, p.Comm)
			}
		}
	}
	if held := g.tick.HiddenFiles(); held.InFlight > 0 {
		return fmt.Sprintf("whoever receives the %s in messages on UNIX sockets", schema.Counted(held.InFlight, "descriptor"))
	}
	return ""
}

// registered says whether the thread waits for something that an io_uring has open: it reads and writes for its
// process, whose own descriptor may be closed. Each ring lists its files by name (io_uring_show_fdinfo in
// io_uring/fdinfo.c).
func (g *graph) registered(t *relate.Task) bool {
	for _, on := range g.on[t.Thread] {
		var link string
		switch on.Kind {
		case schema.Pipe:
			link = fmt.Sprintf(": pipe:[%d]\n", on.ID)
		case schema.Unix, schema.Inet:
			link = ": socket:["
		default:
			continue
		}
		if slices.ContainsFunc(g.rings(), func(text string) bool { return strings.Contains(text, link) }) {
			return true
		}
	}
	return false
}

func (g *graph) listRings() (texts []string) {
	for _, p := range g.tick.Processes() {
		for i := range p.FDs {
			if fd := &p.FDs[i]; g.tick.KindOf(fd) == schema.IOUring && g.tick.Host.Live() {
				text, _ := g.tick.DescriptorText(proc.FDUse{Process: p, FD: fd})
				texts = append(texts, string(text))
			}
		}
	}
	return texts
}

// submits says for whom, among those who could end a wait by a descriptor, the kernel may do so, as one that has an
// io_uring; "": for none. What it asked the kernel for is done while it sleeps: a read or write once a linked time
// has passed, a close that gives up a lock. Of requests on their way its file tells but some.
func (g *graph) submits(t *relate.Task) string {
	ringed := g.ringed()
	if len(ringed) == 0 {
		return ""
	}
	for i := range t.Wait.Enders {
		if p := g.tick.Process(int(t.Wait.Enders[i].Proc.ID)); ringed[p] {
			return fmt.Sprintf("the kernel, which acts for %d/%s by an io_uring", p.PID, p.Comm)
		}
	}
	return ""
}

func (g *graph) listRinged() map[*proc.Process]bool {
	found := map[*proc.Process]bool{}
	for _, p := range g.tick.Processes() {
		if slices.ContainsFunc(p.FDs, func(fd proc.FD) bool { return g.tick.KindOf(&fd) == schema.IOUring }) ||
			slices.ContainsFunc(p.Shared,
				func(m process.Mapping) bool { return m.Name == "anon_inode:[io_uring]" }) { // its descriptor may be closed
			found[p] = true
		}
	}
	return found
}

// sameFiles says whether a thread has its process's table of descriptors, as all have but those that called
// unshare(CLONE_FILES).
func (g *graph) sameFiles(p *proc.Process, tid int) bool {
	same, err := process.SameFiles(p.Living(), tid)
	return err != nil || same // the thread has ended, or the kernel does not tell
}

// restsOnDescriptors says whether somebody with a descriptor, or a mapping that one makes, could end the wait besides
// its Enders.
func (g *graph) restsOnDescriptors(t *relate.Task) bool {
	for _, on := range g.on[t.Thread] {
		switch on.Kind {
		case schema.Sem, schema.Msg, schema.Proc, schema.Shm:
		case schema.Lock, schema.Pipe, schema.Fifo, schema.Unix, schema.Inet, schema.EventFD:
			return true
		default:
			for _, n := range t.Wait.Enders {
				if n.TID != 0 { // the owner of a mutex
					return false
				}
			}
			return true
		}
	}
	return false
}
