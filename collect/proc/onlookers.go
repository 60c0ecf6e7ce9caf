package proc

import (
	"fmt"
	"os"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
)

// onlookers is the result of Onlookers.
type onlookers []*Process

// Onlookers are the processes that are here only because somebody runs this program: its ancestors, and those that read
// its standard output and error through pipes ("| less", "| tee"), or read those of such a reader. They are alive
// because of the look, so they change no verdict of the look. Without NeedFDs they are the ancestors only.
func (t *Tick) Onlookers() []*Process {
	return Memo(t, func(t *Tick) onlookers {
		all := onlookers(t.Ancestry())
		next := []*Process{t.Process(t.Self)}
		for len(next) > 0 {
			p := next[0]
			next = next[1:]
			if p == nil {
				continue
			}
			for _, reader := range t.readersOf(p) {
				if !slices.Contains(all, reader) {
					all, next = append(all, reader), append(next, reader)
				}
			}
		}
		return all
	})
}

// readersOf lists the processes that read a process's standard output or error.
func (t *Tick) readersOf(p *Process) (readers []*Process) {
	if !t.Host.Live() {
		return nil
	}
	for _, num := range []int32{1, 2} {
		out := p.OpenFD(p.Living(), num)
		if out == nil || out.Kind != FDPipe && out.Kind != FDFifo || t.accessOf(FDUse{p, out})&fdinfo.CanWrite == 0 {
			continue
		}
		for _, u := range t.FDUses(out.Kind, out.Dev, out.Ino) {
			if u.Process != p && t.accessOf(u)&fdinfo.CanRead != 0 {
				readers = append(readers, u.Process)
			}
		}
	}
	return readers
}

// accessOf is the open mode of a pipe's descriptor. The walk may not have read it (NeedFDModes). The permission bits of
// the link tell it (proc(5)). It is 0 if it cannot be read.
func (t *Tick) accessOf(u FDUse) (a fdinfo.Access) {
	if u.FD.Access != 0 {
		return u.FD.Access
	}
	if u.FD.Table != 0 { // it is in the directory of a thread
		return 0
	}
	link, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", u.TID(), u.FD.Num))
	if err != nil {
		return 0
	}
	if link.Mode().Perm()&0o400 != 0 {
		a |= fdinfo.CanRead
	}
	if link.Mode().Perm()&0o200 != 0 {
		a |= fdinfo.CanWrite
	}
	return a
}
