package collect

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// In these plays many actors wait for one thing, and each of them could end the waits of all.
func manyPlays() map[string]func(*play) {
	return map[string]func(*play){
		"many pipe": func(p *play) {
			r, w := p.pipe()
			p.many(func(s *process.Script) { s.Read(r) }, r, w)
		},
		"many poll": func(p *play) {
			r, w := p.pipe()
			other, w2 := p.pipe()
			p.many(func(s *process.Script) {
				fds := []unix.PollFd{{Fd: int32(r), Events: unix.POLLIN}, {Fd: int32(other), Events: unix.POLLIN}}
				s.Raw(unix.SYS_PPOLL, s.Keep(fds, unsafe.Pointer(&fds[0])), 2, 0, 0, 8)
			}, r, w, other, w2)
		},
		"many epoll": func(p *play) {
			r, w := p.pipe()
			ep, err := unix.EpollCreate1(0)
			p.j.Check(err)
			p.j.Check(unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, r, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(r)}))
			p.fds = append(p.fds, ep)
			p.many(func(s *process.Script) {
				events := make([]unix.EpollEvent, 1)
				forever := -1
				s.Raw(unix.SYS_EPOLL_PWAIT, uintptr(ep), s.Keep(events, unsafe.Pointer(&events[0])), 1,
					uintptr(forever), 0, 8)
			}, r, w, ep)
		},
		"many eventfd": func(p *play) {
			fd, err := unix.Eventfd(0, 0)
			p.j.Check(err)
			p.fds = append(p.fds, fd)
			p.many(func(s *process.Script) {
				buf := make([]byte, 8)
				s.Raw(unix.SYS_READ, uintptr(fd), s.Keep(buf, unsafe.Pointer(&buf[0])), 8)
			}, fd)
		},
		"many socket": func(p *play) {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			p.j.Check(err)
			p.fds = append(p.fds, fds[0], fds[1])
			p.many(func(s *process.Script) { s.Read(fds[0]) }, fds[0], fds[1])
		},
		"many flock": func(p *play) {
			held, wanted := p.open("lock"), p.open("lock")
			p.j.Check(unix.Flock(held, unix.LOCK_EX))
			p.many(func(s *process.Script) { s.Flock(wanted, unix.LOCK_EX) }, held, wanted)
		},
		"many semaphore": func(p *play) {
			id := p.sems()
			a := p.actor("a")
			a.first.SemOp(id, take(0, 0))
			a.dies = true
			p.many(func(s *process.Script) { s.SemOp(id, take(0, 0)) })
		},
		"many named": func(p *play) {
			var names []string
			for i := range p.argument() {
				names = append(names, fmt.Sprint("m", i))
			}
			p.namedSemaphore(names...)
		},
	}
}

// argument is the number that the play was given.
func (p *play) argument() int {
	n, err := strconv.Atoi(p.j.Args[1])
	p.j.Check(err)
	return n
}

// many lets as many actors as the play was told do the same.
func (p *play) many(then func(*process.Script), fds ...int) {
	for i := range p.argument() {
		then(p.actor(fmt.Sprint("m", i), fds...).then())
	}
}

// A thousand waiters for one thing must not make a million enders: all of them share one list of enders, which makes
// one cell and one edge for each.
func TestWaitsForOneThingAreLinear(t *testing.T) {
	for name := range manyPlays() {
		t.Run(name, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				const waiters = 12
				s := perform(t, name, strconv.Itoa(waiters))
				kerneltest.EventuallySame(t, func() string { return s.shared(waiters) })
			})
		})
	}
}

// shared says how the waits of the actors are not linear; "": they are.
func (s *stage) shared(waiters int) string {
	snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Edges: true, Findings: true})
	at := slices.IndexFunc(s.collector.mechanisms, func(m *kinds.Mechanism) bool { return m.Kind == schema.Wait })
	column, _ := s.collector.mechanisms[at].Column("enders")
	lists, cells, waiting := map[*relate.Ender]int{}, map[*schema.Endpoint]bool{}, 0
	actors := map[schema.Ref]bool{}
	for _, o := range snap.Objects[schema.Wait] {
		r := o.Row.(*waits.Row)
		if _, ours := s.names[int(r.Task.Proc.ID)]; !ours || r.Task.Activity != relate.Waiting {
			continue
		}
		actors[r.Task.Proc] = true
		waiting++
		if list := r.Task.Wait.Enders; len(list) > 0 {
			lists[&list[0]] = len(list)
			cells[&column.Get(o).Endpoints()[0]] = true
		}
	}
	edges := 0
	for _, e := range snap.Edges {
		if actors[e.From] {
			edges++
		}
	}
	switch {
	case waiting < waiters:
		return fmt.Sprintf("%d of %d actors wait", waiting, waiters)
	case len(lists) != 1 || len(cells) != 1:
		return fmt.Sprintf("%d lists and %d cells for %d waits", len(lists), len(cells), waiting)
	case edges > 4*waiting: // a poll of two pipes has two edges to them, and two edges from them
		return fmt.Sprintf("%d edges for %d waits", edges, waiting)
	}
	for _, n := range lists {
		if n < waiters {
			return fmt.Sprintf("%d enders: the play shows nothing", n)
		}
	}
	return ""
}
