package kinds

import (
	"errors"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// noVsockDiag is true in a tick if the kernel may have vsock sockets but no vsock_diag.
type noVsockDiag bool

func vsockDiag(t *proc.Tick) *noVsockDiag {
	return proc.Memo(t, func(*proc.Tick) *noVsockDiag { return new(noVsockDiag) })
}

// vsockDump lists the vsock sockets of a network namespace, and notes that the kernel cannot.
func vsockDump(t *proc.Tick) func() ([]sock.VsockSocket, error) {
	return func() ([]sock.VsockSocket, error) {
		list, err := t.Host.VsockSockets()
		if errors.Is(err, sock.ErrNoVsockDiag) {
			*vsockDiag(t) = true
			return nil, nil
		}
		return list, err
	}
}

// unlistedVsocks lists the vsock sockets on a kernel that does not. It asks each socket that no dump has for its
// protocol, at some two microseconds. So it finds those that a process has open.
func unlistedVsocks(t *proc.Tick) []*VsockRow {
	if !*vsockDiag(t) {
		return nil
	}
	var rows []*VsockRow
	hidden := t.Unseen("fd") > 0
	for _, u := range t.UnlistedSockets() {
		protocol, err := t.Host.SocketProtocol(u.TID(), int(u.FD.Num))
		switch {
		case sys.Gone(err):
		case sys.Denied(err):
			hidden = true
		case err != nil:
			t.Fault(string(schema.Vsock), err)
		case protocol == sock.VsockProtocol:
			r, err := unlistedVsock(t, u)
			t.Fault(string(schema.Vsock), err)
			if r != nil {
				rows = append(rows, r)
			}
		}
	}
	if hidden {
		t.AddFault(schema.Fault{Source: string(schema.Vsock), Denied: true, Says: sock.ErrNoVsockDiag.Error() +
			": those of processes whose descriptors could not be read are not shown"})
	}
	return rows
}

// unlistedVsock makes the row of a socket. It is nil if the socket is gone, or in a namespace that nobody asked for.
func unlistedVsock(t *proc.Tick, u proc.FDUse) (*VsockRow, error) {
	at := t.OwnPlace("net")
	// Without CAP_NET_ADMIN the namespace is not told (SIOCGSKNS). It is most likely the reader's own.
	ns, err := t.Host.SocketNamespace(u.TID(), int(u.FD.Num), u.FD.Ino)
	if err == nil && ns.Ino != at.Ino {
		if !t.AllNamespaces {
			return nil, nil
		}
		at = t.Place("net", ns.Ino)
	}
	s, err := t.Host.VsockOf(u.TID(), int(u.FD.Num), u.FD.Ino)
	switch {
	case sys.Gone(err):
		return nil, nil
	case sys.Denied(err):
		return &VsockRow{Socket: newSocket(t, schema.Vsock, &at, s.Inode, 0), VsockSocket: s, unseen: true}, nil
	case err != nil:
		return nil, err
	}
	return &VsockRow{Socket: newSocket(t, schema.Vsock, &at, s.Inode, 0), VsockSocket: s}, nil
}
