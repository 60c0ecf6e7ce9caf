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

// Files that are registered with an io_uring, which no directory of a process shows. They are looked for only when
// threads look stuck.

// inRing reports true if an io_uring has an object open that the thread waits for. The io_uring reads and writes for
// its process, even if the process has closed its own descriptor. fdinfo lists the files of each ring by name
// (io_uring_show_fdinfo, io_uring/fdinfo.c).
func (g *graph) inRing(t *relate.Task) bool {
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
		if slices.ContainsFunc(g.ringTexts(), func(text string) bool { return strings.Contains(text, link) }) {
			return true
		}
	}
	return false
}

func (g *graph) listRingTexts() (texts []string) {
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

// ringSubmitter names an ender that has an io_uring, so that the kernel may act for it while it sleeps; "": none. Such
// acts are a read or write after a linked time, or a close that gives up a lock. fdinfo shows only some of the requests
// that are under way, so it cannot rule them out.
func (g *graph) ringSubmitter(t *relate.Task) string {
	ringed := g.ringUsers()
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

func (g *graph) listRingUsers() map[*proc.Process]bool {
	found := map[*proc.Process]bool{}
	for _, p := range g.tick.Processes() {
		// the descriptor may be closed while the ring is still mapped
		if slices.ContainsFunc(p.FDs, func(fd proc.FD) bool { return g.tick.KindOf(&fd) == schema.IOUring }) ||
			slices.ContainsFunc(p.Shared,
				func(m process.Mapping) bool { return m.Name == "anon_inode:[io_uring]" }) {
			found[p] = true
		}
	}
	return found
}

// endsByDescriptor reports true if a process could end the wait with a descriptor alone, or with a mapping made of it.
func (g *graph) endsByDescriptor(t *relate.Task) bool {
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
