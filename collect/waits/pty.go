package waits

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits on pseudoterminals. A write to one end waits until somebody reads the other end, if the buffer is full, or if
// Ctrl-S stopped the output. What comes to be read is typed by people, so a read waits for the world outside.

// endUse is a descriptor of a process.
type endUse struct {
	process *proc.Process
	fd      proc.FDNum
}

func (g *graph) listPtys() map[endUse]*schema.Object {
	all := map[endUse]*schema.Object{}
	for _, o := range g.tick.Objects(schema.Pty) {
		masters, slaves := o.Row.(*kinds.PtyRow).Sides()
		for _, uses := range [][]proc.FDUse{masters, slaves} {
			for _, u := range uses {
				all[endUse{u.Process, u.FD.ID()}] = o
			}
		}
	}
	return all
}

// pty finds the enders of a write to a pseudoterminal: whoever has the other end, and could read it. Those who have the
// same end could empty the buffer (tcflush(3)). The end of a session's leader hangs the terminal up (credentials(7)).
func (g *graph) pty(p *proc.Process, fd *proc.FD, awaited fdinfo.Access) wakers {
	o := g.ptys()[endUse{p, fd.ID()}]
	if o == nil || awaited != fdinfo.CanWrite {
		return wakers{outside: true, open: "what it has open as descriptor " + fmt.Sprint(fd.Num)}
	}
	r, e := o.Row.(*kinds.PtyRow), wakers{on: []schema.Ref{o.Ref}}
	reads, same := r.Sides()
	how := "has its master"
	if fd.Kind == proc.FDPtmx {
		reads, same, how = same, reads, "has its slave"
	}
	e.enders = useEnders(reads, nil, how)
	if len(e.enders) == 0 {
		e.open = "whoever has the other end, which was not found"
		return e
	}
	if e.open, e.assumes = g.unseenHolders("fd"); e.open == "" && e.assumes == "" && fd.Kind == proc.FDPtmx {
		e.assumes = "nobody opens the terminal by its name"
	}
	weak := func(n relate.Ender, how string) {
		if n.Proc != p.Ref() || len(p.Tasks) > 1 {
			n.How, n.Proof, n.Weak = how, schema.Inferred, true
			e.enders = append(e.enders, n)
		}
	}
	for _, n := range useEnders(same, nil, "") {
		weak(n, "has the same end")
	}
	for _, q := range g.tick.Processes() {
		if q.SID == q.PID && !q.Gone() && r.Controls(q) {
			weak(relate.Ender{Proc: q.Ref()}, "leads its session")
		}
	}
	return e
}
