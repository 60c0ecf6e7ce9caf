package collect

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// bound are the files that UNIX sockets are bound to, of all network namespaces that can be reached: a path leads to a socket of any of them.
type bound struct {
	inodes map[uint32]bool // as sock_diag has them, cut to 32 bits (unix_diag_vfs)
	names  map[string]bool // the last part of the path that was given to bind(2), which may be relative
	seen   map[uint64]bool // sockets by their own inodes
	sight  relate.Sight
}

func (b *bound) add(s *kernel.UnixSocket) {
	b.seen[s.Inode] = true
	if s.FileInode != 0 {
		b.inodes[uint32(s.FileInode)] = true
	}
	if s.Naming == kernel.UnixPath {
		b.names[path.Base(s.Name)] = true
	}
	if !s.Diag {
		b.sight.Hide("the kernel does not tell which files sockets are bound to (sock_diag)")
	}
}

// boundFiles reads the sockets of every network namespace, of which rows are those that were read already.
func (f *Facts) boundFiles(rows map[uint64]*unixRow) *bound {
	b := &bound{inodes: map[uint32]bool{}, names: map[string]bool{}, seen: map[uint64]bool{}, sight: relate.Sight{Complete: true}}
	for _, r := range rows {
		b.add(&r.UnixSocket)
	}
	if !f.all {
		closed := 0
		for _, err := range f.Host.VisitNamespaces(entries(f.others("net")), func(int) error {
			sockets, err := f.Host.UnixSockets()
			for i := range sockets {
				b.add(&sockets[i])
			}
			return err
		}) {
			if err != nil && !kernel.Gone(err) {
				closed++
			}
		}
		if closed > 0 {
			b.sight.Hide("the sockets of " + several(closed, "network namespace", "network namespaces") + " could not be read")
		}
	}
	if n := f.Unseen("ns"); n > 0 {
		b.sight.Hide("the network namespaces of " + several(n, "process", "processes") + " could not be read")
	}
	if n := f.Unseen("fd"); n > 0 {
		b.sight.Hide("the descriptors of " + several(n, "process", "processes") + " could not be read")
	}
	if n := f.homeless(b.seen); n > 0 {
		b.sight.Hide(several(n, "UNIX socket is", "UNIX sockets are") + " of a network namespace that cannot be reached")
	}
	return b
}

// homeless counts the UNIX sockets that processes have open and no namespace listed: one keeps its namespace when all processes have left it.
func (f *Facts) homeless(seen map[uint64]bool) int {
	n := 0
	asked := map[uint64]bool{}
	for _, p := range f.procs {
		for i := range p.fds {
			fd := &p.fds[i]
			if fd.Kind != FDSocket || seen[fd.Ino] || asked[fd.Ino] {
				continue
			}
			asked[fd.Ino] = true
			dir, err := f.Host.OpenProc(p.living())
			if err != nil {
				continue
			}
			protocol, err := dir.SocketProtocol(int(fd.Num))
			dir.Close()
			if err == nil && strings.HasPrefix(protocol, "UNIX") {
				n++
			}
		}
	}
	return n
}

// exactInodes says whether a file's number is the one that sock_diag knows it by. Overlays and btrfs show numbers of their own to stat(2).
func exactInodes(fsType string) bool {
	switch fsType {
	case "tmpfs", "devtmpfs", "ramfs", "ext2", "ext3", "ext4", "xfs", "f2fs":
		return true
	}
	return false
}

// staleSockets lists the paths that no socket is bound to.
func (f *Facts) staleSockets(rows map[uint64]*unixRow) []*schema.Object {
	if !f.wantsPaths(schema.Unix) {
		return nil
	}
	var objects []*schema.Object
	var all *bound
	for _, file := range f.runtimeFiles().files {
		if file.Mode.Type() != fs.ModeSocket {
			continue
		}
		if all == nil {
			all = f.boundFiles(rows)
		}
		if all.inodes[uint32(file.Ino)] {
			continue
		}
		sight := all.sight
		switch on, ok := f.mountOf(file.Name); {
		case ok && exactInodes(on.FSType):
		case all.names[path.Base(file.Name)]:
			continue
		case ok:
			sight.Hide(fmt.Sprintf("a file on %s has another number than the socket that is bound to it", on.FSType))
		default:
			sight.Hide("on what file system it lies could not be read")
		}
		objects = append(objects, f.staleSocket(file, sight))
	}
	return objects
}

func (f *Facts) staleSocket(file kernel.PosixFile, bound relate.Sight) *schema.Object {
	ref := schema.Ref{Kind: schema.Unix, Name: file.Name, Gen: file.Ino}
	r := &unixRow{UnixSocket: kernel.UnixSocket{Naming: kernel.UnixPath, Name: file.Name, UID: file.UID, HasUID: true}, file: f.runtimeFiles().stale(file), taken: f.Now}
	r.ref, r.uid, r.owner = ref, schema.Int(int64(file.UID)), schema.String(f.Users.User(file.UID))
	subject := r.file.subject(f, schema.Unix)
	r.app = f.appOf(ref, subject)
	r.leak = f.judge(ref, unixLeakNeeds, func() relate.Evidence {
		e, sight := f.pathEvidence(r.file, subject)
		e.AllUsers = f.unused("no socket is bound to it, in any network namespace", sight, bound)
		return e
	})
	return &schema.Object{Ref: ref, Row: r}
}
