package actions

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Close plans to end TCP and UDP sockets, as if the network had failed. The error is ErrReadOnly or sys.ErrNotLive.
func (p *Planner) Close(refs []schema.Ref) (*Plan, error) {
	if err := p.allowed(); err != nil {
		return nil, err
	}
	plan := newPlan(p, "Close", "socket")
	inet := slices.DeleteFunc(slices.Clone(refs), func(r schema.Ref) bool { return r.Kind != schema.Inet })
	s := &closing{p.survey(plan, inet, func(m *kinds.Mechanism) schema.Need {
		return m.NeedsAt(kinds.Holders) | m.NeedsOf([]string{"peer_holders"})
	}), p.ancestors()}
	plan.add(refs, s.step)
	return plan, nil
}

// closing holds the data of one Close plan while it is made.
type closing struct {
	*survey
	ancestorPIDs map[int]bool // our own ancestors
}

// CanClose is true for a socket that Close can end, if the kernel and our rights allow that.
func CanClose(o *schema.Object) bool {
	row, ok := o.Row.(*kinds.InetRow)
	return ok && row.Destroyable()
}

func insteadOfClosing(r schema.Ref) string {
	return "only TCP, UDP and raw sockets are closed: " + insteadOfRemoving(r)
}

// step plans the end of one socket.
func (s *closing) step(r schema.Ref) (Step, error) {
	if r.Kind != schema.Inet {
		return Step{}, refuse("%s", insteadOfClosing(r))
	}
	o := s.snap.Find(r)
	if o == nil {
		return Step{}, goneError("it is gone, or another object has its number: look at it again")
	}
	row := o.Row.(*kinds.InetRow)
	if !CanClose(o) {
		return Step{}, refuse("the kernel cannot close a single socket of %s: end its holders with %s", row.Protocol,
			naming(kinds.EndHolders, r))
	}
	if may, err := sys.MayAdminNet(); err == nil && !may {
		return Step{}, refuse("permission denied: only root (CAP_NET_ADMIN) closes sockets: end its holders with %s",
			naming(kinds.EndHolders, r))
	}
	st := Step{Ref: r, Says: closingSays(row), Equivalent: closingCommand(row), object: socketFacts(row.InetSocket)}
	st.Victim = closingName(row)
	users := kinds.EndsOf(o).Holders
	st.Affected = describe(users, func(e schema.Endpoint) string {
		return fmt.Sprintf("%s has it open (fd %d)", processName(e.Comm, e.PID), e.FD)
	})
	for _, e := range users.Endpoints() {
		if s.ancestorPIDs[e.PID] {
			st.Affected = append(st.Affected, "ipctop itself: this process started it (your own session)")
			break
		}
	}
	for _, e := range row.PeerHolders().Endpoints() {
		st.Affected = append(st.Affected, processName(e.Comm, e.PID)+" has the other end")
	}
	if users.State() == schema.Denied || users.Partial() {
		s.note(s.unseen("fd") + " may have these sockets open unseen")
	}
	st.confirm(row.Inode != 0, int(row.Inode))
	end := s.deed(row.InetSocket)
	st.do = func() (says string, err error) {
		err = s.inSpace("net", "network", r, func() (err error) { says, err = end(); return err })
		return says, err
	}
	if r.Space != 0 {
		st.Says = fmt.Sprintf("in network namespace %d: %s", r.Space, st.Says)
	}
	return st, nil
}

// deed ends a socket. The kernel compares the cookie, so no other socket with the same addresses is ended.
func (s *closing) deed(shown sock.InetSocket) func() (string, error) {
	return guarded(sameSocket(shown), func() (socketState, error) {
		now, err := s.host.FindInet(shown)
		return sameSocket(now), err
	}, socketState.facts, func() error {
		err := s.admin.DestroyInet(shown)
		if errors.Is(err, errors.ErrUnsupported) {
			return refuse("this kernel cannot close sockets (it lacks CONFIG_INET_DIAG_DESTROY): end the holders")
		}
		return err
	}, "closed")
}

// socketState is what must not change between the plan and the deed: a connection that has ended by itself needs no
// deed.
type socketState struct {
	protocol      string
	local, remote netip.AddrPort
	cookie, inode uint64
	state         sock.SocketState
}

func sameSocket(s sock.InetSocket) socketState {
	return socketState{s.Protocol, s.Local, s.Remote, s.Cookie, s.Inode, s.State}
}

func (s socketState) facts() facts {
	return facts{
		{"proto", s.protocol, true}, {"local", s.local.String(), true}, {"peer", s.remote.String(), true},
		{"cookie", fmt.Sprintf("%x", s.cookie), true}, {"inode", s.inode, true}, {"state", s.state.String(), true},
	}
}

// closingName names a socket by its addresses.
func closingName(row *kinds.InetRow) string {
	name := row.Protocol + " socket " + row.LocalAddress()
	if row.Connected() {
		name += " to " + row.PeerAddress()
	}
	return name
}

// closingSays is the effect on the socket and its users (tcp_abort in net/ipv4/tcp.c, udp_abort in net/ipv4/udp.c).
func closingSays(row *kinds.InetRow) string {
	says := closingName(row)
	switch {
	case row.Listens():
		return says + " listens no more: accept fails with EINVAL, and connections that nobody has accepted are reset"
	case row.Inode == 0:
		return says + " (" + row.State.String() + ", no process has it) goes away"
	case row.Stream():
		return says + " (" + row.State.String() + ") is reset: data on their way are lost, its processes get " +
			"ECONNABORTED (after a FIN of the other end only where they write), the other end gets ECONNRESET"
	}
	return says + " is cut off: it loses its address, and its processes get ECONNABORTED"
}

// closingCommand is the command of iproute2 that does the same.
func closingCommand(row *kinds.InetRow) string {
	flag := map[string]string{"tcp": "-t", "udp": "-u", "raw": "-w"}[row.Protocol]
	if flag == "" {
		return ""
	}
	command := "ss -K " + flag + " -a src " + schema.ShellQuote(row.Local.String())
	if row.Remote.Port() != 0 {
		command += " dst " + schema.ShellQuote(row.Remote.String())
	}
	return command
}

// socketFacts are the journal's facts of a socket.
func socketFacts(s sock.InetSocket) facts {
	return append(sameSocket(s).facts(), facts{
		{"uid", s.UID, false}, {"recvq", s.RecvQueue, false}, {"sendq", s.SendQueue, false},
	}...)
}
