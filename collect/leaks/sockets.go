package leaks

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// bound holds the files that UNIX sockets are bound to. It covers all network namespaces that ipctop can enter, because
// a path leads to a socket in any of them.
type bound struct {
	inodes   map[uint32]bool // the files' inode numbers, cut to 32 bits by sock_diag (unix_diag_vfs)
	names    map[string]bool // the last parts of the paths given to bind(2), which may be relative
	seen     map[uint64]bool // the sockets' own inode numbers
	coverage relate.Coverage
}

func (b *bound) add(s *sock.UnixSocket) {
	b.seen[s.Inode] = true
	if s.FileInode != 0 {
		b.inodes[uint32(s.FileInode)] = true
	}
	if s.Naming == sock.UnixPath {
		b.names[path.Base(s.Name)] = true
	}
	if !s.Diag {
		b.coverage.MarkIncomplete("the kernel does not tell which files sockets are bound to (sock_diag)")
	}
}

// boundFiles reads the sockets of every network namespace. It takes the sockets of listed from their objects.
func (l *tick) boundFiles(listed []*schema.Object) *bound {
	b := &bound{inodes: map[uint32]bool{}, names: map[string]bool{}, seen: map[uint64]bool{},
		coverage: relate.Coverage{Complete: true}}
	for _, o := range listed {
		b.add(o.Row.(*kinds.UnixRow).UnixSocket)
	}
	if !l.AllNamespaces {
		closed := 0
		others := l.Others("net")
		for _, err := range l.Host.VisitNamespaces(proc.Entries(others), func(i int) error {
			sockets, err := kinds.DumpUnix(l.Tick, others[i].Ino)
			for i := range sockets {
				b.add(&sockets[i])
			}
			return err
		}) {
			if err != nil && !sys.Gone(err) {
				closed++
			}
		}
		if closed > 0 {
			b.coverage.MarkIncomplete("the sockets of " + schema.Counted(closed, "network namespace") +
				" could not be read")
		}
	}
	if n := l.Unseen("ns"); n > 0 {
		b.coverage.MarkIncomplete("the network namespaces of " + schema.Counted(n, "process") + " could not be read")
	}
	if n := l.Unseen("fd"); n > 0 {
		b.coverage.MarkIncomplete("the descriptors of " + schema.Counted(n, "process") + " could not be read")
	}
	if n := l.addUnlistedSockets(b); n > 0 {
		b.coverage.MarkIncomplete(schema.Counted(n, "UNIX socket") + schema.Plural(n, " is", " are") +
			" of a network namespace that cannot be reached")
	}
	return b
}

// addUnlistedSockets reads the network namespaces of the open UNIX sockets that no namespace listed. A socket keeps its
// network namespace alive even after all processes have left the namespace. The result counts the sockets whose
// namespace cannot be reached.
func (l *tick) addUnlistedSockets(b *bound) (unreached int) {
	asked := map[uint64]bool{}
	for _, p := range l.Processes() {
		for i := range p.FDs {
			fd := &p.FDs[i]
			if fd.Kind != proc.FDSocket || b.seen[fd.Ino] || asked[fd.Ino] {
				continue
			}
			asked[fd.Ino] = true
			dir, err := l.Host.OpenProc(proc.FDUse{Process: p, FD: fd}.TID())
			if err != nil {
				continue
			}
			protocol, err := dir.SocketProtocol(int(fd.Num))
			dir.Close()
			if err == nil && strings.HasPrefix(protocol, "UNIX") && !b.addSpaceOf(l, proc.FDUse{Process: p, FD: fd}) {
				unreached++
			}
		}
	}
	return unreached
}

// addSpaceOf reads the sockets of a socket's network namespace. It is true if the socket itself is among them.
func (b *bound) addSpaceOf(l *tick, u proc.FDUse) bool {
	space, err := l.SocketSpace(u)
	if err != nil {
		return false
	}
	err = l.Host.VisitNamespace(space.Namespace, func() error {
		sockets, err := kinds.DumpUnix(l.Tick, space.Ino)
		for i := range sockets {
			b.add(&sockets[i])
		}
		return err
	})
	return err == nil && b.seen[u.FD.Ino]
}

// exactInodes reports that a file has the same inode number in stat(2), sock_diag and mappings. Overlays and btrfs show
// other numbers to stat(2).
func exactInodes(fsType string) bool {
	switch fsType {
	case "tmpfs", "devtmpfs", "ramfs", "ext2", "ext3", "ext4", "xfs", "f2fs":
		return true
	}
	return false
}

// boundNote holds, for a path without a socket, the proof that all sockets are visible.
var boundNote = schema.NewNote[relate.Coverage]()

// staleSockets lists the socket files that no socket is bound to. listed are the sockets that were read already.
func (l *tick) staleSockets(listed []*schema.Object) []*schema.Object {
	var objects []*schema.Object
	var all *bound
	for i := range l.paths().files {
		file := &l.paths().files[i]
		if file.Mode.Type() != fs.ModeSocket {
			continue
		}
		if all == nil {
			all = l.boundFiles(listed)
		}
		if all.inodes[uint32(file.Ino)] {
			continue
		}
		coverage := all.coverage
		switch on, ok := l.mountOf(file.Name); {
		case ok && exactInodes(on.Type):
		case all.names[path.Base(file.Name)]:
			continue
		case ok:
			coverage.MarkIncomplete(fmt.Sprintf("a file on %s has another number than the socket that is bound to it",
				on.Type))
		default:
			coverage.MarkIncomplete("on what file system it lies could not be read")
		}
		o := kinds.UnboundPath(l.Tick, file)
		l.paths().note(o, *file, l.Now)
		boundNote.Set(o, &coverage)
		objects = append(objects, o)
	}
	return objects
}
