package proc

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// A socket keeps its network namespace alive. After the namespace's last process has gone, no file of /proc leads to
// the namespace. Only a copy of such a socket does.

// SocketSpace finds the network namespace of a socket by one of its descriptors, and adds it to the known ones.
func (t *Tick) SocketSpace(u FDUse) (*Space, error) {
	ns, err := t.Host.SocketNamespace(u.TID(), int(u.FD.Num), u.FD.Ino)
	if err != nil {
		return nil, err
	}
	x := t.namespaceIndex()
	key := namespace.Namespace{Type: ns.Type, Ino: ns.Ino}
	if x.byName[key] == nil {
		x.byName[key] = &Space{Namespace: ns, FD: &u}
	}
	return x.byName[key], nil
}

// OtherNetSpaces lists the network namespaces that the reader is not in. It looks for namespaces without processes,
// too: it asks the sockets that no other namespace lists.
func (t *Tick) OtherNetSpaces() []*Space { return Memo(t, findNetSpaces).list }

type netSpaces struct{ list []*Space }

func findNetSpaces(t *Tick) netSpaces {
	known := t.listedSockets(true)
	closed := 0
	for _, p := range t.procs {
		for i := range p.FDs {
			fd := &p.FDs[i]
			if fd.Kind != FDSocket || known[fd.Ino] {
				continue
			}
			known[fd.Ino] = true
			if _, err := t.SocketSpace(FDUse{p, fd}); sys.Denied(err) {
				closed++
			} else if err != nil && !sys.Gone(err) {
				t.Fault("namespaces", err)
			}
		}
	}
	if closed > 0 {
		t.AddFault(schema.Fault{Source: "namespaces", Denied: true, Count: closed, Says: fmt.Sprintf(
			"the network %s of %s could not be read (permission denied): sockets of a namespace without processes "+
				"are not shown; root reads all", schema.Plural(closed, "namespace", "namespaces"),
			schema.Counted(closed, "socket"))})
	}
	return netSpaces{t.Others("net")}
}

// listedSockets holds the inodes of the sockets of the reader's own network namespace; with everywhere, of all network
// namespaces that have processes, mounts or descriptors.
func (t *Tick) listedSockets(everywhere bool) map[uint64]bool {
	listed := map[uint64]bool{}
	list := func(net uint64) {
		for _, row := range t.table.rows {
			if row.Sockets != nil {
				for _, ino := range row.Sockets(t, net) {
					listed[ino] = true
				}
			}
		}
	}
	list(t.OwnSpace("net"))
	if everywhere {
		t.inOtherNets(list)
	}
	return listed
}

// inOtherNets runs list in the other network namespaces that have processes, mounts or descriptors. A namespace that
// cannot be entered is reported by the kinds.
func (t *Tick) inOtherNets(list func(net uint64)) {
	others := t.Others("net")
	t.Host.VisitNamespaces(Entries(others), func(i int) error { list(others[i].Ino); return nil })
}

// UnlistedSockets lists the sockets that no dump of a wanted network namespace has: a descriptor of each.
func (t *Tick) UnlistedSockets() (list []FDUse) {
	if t.AllNamespaces {
		t.OtherNetSpaces() // it finds the namespaces without processes
	}
	known := t.listedSockets(t.AllNamespaces)
	for _, p := range t.procs {
		for i := range p.FDs {
			if fd := &p.FDs[i]; fd.Kind == FDSocket && !known[fd.Ino] {
				known[fd.Ino] = true
				list = append(list, FDUse{p, fd})
			}
		}
	}
	return list
}
