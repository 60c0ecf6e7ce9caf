package proc

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// setns(2) and unshare(2) move the calling thread alone into another mount, UTS, IPC, network or control group
// namespace. /proc/PID/ns shows the namespaces of the first thread, /proc/PID/task/TID/ns those of each thread. A
// process with several threads cannot change the other namespaces that it is in.

// ThreadSpace is a namespace that a thread is in, and the first thread of its process is not.
type ThreadSpace struct {
	namespace.Namespace     // Path leads through the thread
	TID                 int // the first of the threads in it
}

// nsTypes is a set of types of namespaces. Bit i stands for namespace.Types()[i].
type nsTypes uint8

func typesOf(names ...string) (set nsTypes) {
	for _, name := range names {
		set |= 1 << slices.Index(namespace.Types(), name)
	}
	return set
}

// threadTypes are the types of namespaces that the tick reads of each thread: those that it visits or shows.
func (t *Tick) threadTypes() (set nsTypes) {
	if !t.Needs.Has(NeedNamespaces) || !t.Host.Live() {
		return 0
	}
	for kind := range t.Want {
		switch kind {
		case schema.NS:
			set |= typesOf("mnt", "uts", "ipc", "net", "cgroup")
		case schema.Msg, schema.Sem, schema.Shm, schema.PMsg:
			set |= typesOf("ipc")
		case schema.PShm, schema.PSem:
			set |= typesOf("mnt")
		case schema.Limit:
			set |= typesOf("ipc", "mnt")
		case schema.Unix, schema.Inet, schema.Netlink, schema.Packet, schema.Vsock:
			set |= typesOf("net")
		}
	}
	return set
}

// threadSpaces reads the namespaces of the threads of a process. namespaces has read those of the first thread. It
// costs 3 microseconds for each thread and type.
func (w *walker) threadSpaces(p *Process, dir process.Dir, buf []byte) {
	if w.threadTypes == 0 || p.Threads < 2 || p.NSErr != nil {
		return
	}
	tids, err := dir.TIDs(buf)
	if err != nil {
		p.NSErr = failure(err)
		return
	}
	for i, typ := range namespace.Types() {
		if w.threadTypes&(1<<i) == 0 {
			continue
		}
		for _, tid := range tids {
			if tid == p.Living() || tid == p.PID { // a first thread that has ended is in no namespace
				continue
			}
			ino, err := threadSpace(dir, tid, typ)
			if err != nil && !sys.Gone(err) {
				p.NSErr = cmp.Or(p.NSErr, err)
			}
			if ino == 0 || ino == p.NS[i] || p.inThreadSpace(typ, ino) {
				continue
			}
			p.ThreadNS = append(p.ThreadNS, ThreadSpace{namespace.Namespace{Type: typ, Ino: ino,
				Path: fmt.Sprintf("/proc/%d/task/%d/ns/%s", p.Living(), tid, typ)}, tid})
		}
	}
}

func (p *Process) inThreadSpace(typ string, ino uint64) bool {
	return slices.ContainsFunc(p.ThreadNS, func(s ThreadSpace) bool { return s.Type == typ && s.Ino == ino })
}

// threadSpace reads the namespace of a thread.
func threadSpace(dir process.Dir, tid int, typ string) (ino uint64, err error) {
	link, err := dir.Readlink("task/" + strconv.Itoa(tid) + "/ns/" + typ)
	if err != nil {
		return 0, err
	}
	_, ino, _ = namespace.ParseLink([]byte(link))
	return ino, nil
}

// IPCSpaceOfWait is the Space of the id that a wait names. Another thread than the first may be in an IPC namespace of
// its own.
func (t *Tick) IPCSpaceOfWait(p *Process, w *Wait) uint64 {
	if w.IPCNS != 0 {
		return t.IPCSpace(w.IPCNS)
	}
	return t.IPCSpaceOf(p)
}

// IPCSpacesOf lists the Spaces of the ids that the threads of a process use. That of the first thread comes first. The
// others are known with NeedNamespaces.
func (t *Tick) IPCSpacesOf(p *Process) []uint64 {
	spaces := []uint64{t.IPCSpaceOf(p)}
	for _, s := range p.ThreadNS {
		if s.Type == "ipc" {
			spaces = append(spaces, t.IPCSpace(s.Ino))
		}
	}
	return spaces
}

// addThreads finds the namespaces that only threads are in.
func (x *spaceIndex) addThreads(t *Tick) {
	for _, p := range t.procs {
		for _, own := range p.ThreadNS {
			s := x.add(own.Type, own.Ino, own.Path)
			if s.Procs++; s.Leader == nil {
				s.Leader = p
			}
		}
	}
}
