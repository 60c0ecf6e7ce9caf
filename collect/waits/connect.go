package waits

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits of connect. The connection waits for accept, because the listener's queue is full. listen(2) sets its length.

// unixConnect finds the enders of a connect to a UNIX socket: whoever has the listener, and accepts or closes it. The
// kernel does not say to which socket a call connects. The address in the memory of the process tells its name. ok is
// false if no listener with a full queue has that name.
func (g *graph) unixConnect(p *proc.Process, th *proc.Thread) (e wakers, via string, ok bool) {
	fd := p.OpenFD(th.TID, int32(th.Call.Args[0]))
	if !g.tick.Host.Live() || fd == nil || fd.Kind != proc.FDSocket {
		return e, "", false
	}
	from := g.socketOf(proc.FDUse{Process: p, FD: fd})
	if from == nil || from.unix == nil || from.unix.Type == sock.SocketDgram {
		return e, "", false
	}
	dir, err := g.tick.Host.OpenProc(p.Living())
	if err != nil {
		return e, "", false
	}
	defer dir.Close()
	name, abstract, err := dir.ConnectsTo(th.Call)
	if err != nil {
		return e, "", false
	}
	naming := sock.UnixPath
	if abstract {
		naming = sock.UnixAbstract
	}
	for _, s := range g.sockets() {
		u := s.unix
		if u == nil || u.Naming != naming || u.Name != name || !u.Full() || abstract && s.Ref.Space != from.Ref.Space {
			continue
		}
		if ok { // two sockets with this name, in two mount namespaces
			return wakers{}, "", false
		}
		ok = true
		e.on = []schema.Ref{s.Ref}
		e.enders = useEnders(s.Uses, nil, listensOn)
	}
	if !ok {
		return e, "", false
	}
	g.onSockets[relate.Thread{Proc: p.Ref(), TID: th.TID}] = socketWait{fd, true}
	e.open, e.assumes = g.unseenHolders("fd")
	if len(e.enders) == 0 && e.open == "" {
		e.open = "whoever has the listener, who was not found"
	}
	if e.assumes != "" {
		e.assumes += ", and "
	}
	e.assumes += "the socket at the address is the one of the call"
	g.openIfHandled(p, &e)
	return e, fmt.Sprintf("connect fd %d", fd.Num), true
}

// listensOn is the relation of a listener's process to a connection that waits for accept.
const listensOn = "listens on it and does not accept"
