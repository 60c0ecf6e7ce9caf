package proc

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// Space is a namespace with its processes.
type Space struct {
	namespace.Namespace
	Procs  int      // processes with a thread in the namespace, as far as their links are readable
	Leader *Process // the first process in the namespace, else the first with a thread in it; nil: none
	Mount  string   // the mount point, as a path in the mount namespace of the mount; "": none
	FD     *FDUse   // a descriptor of the namespace; nil: none is known, or there is a leader
}

// spaceIndex holds every namespace that was found.
type spaceIndex struct {
	byName map[namespace.Namespace]*Space // without Path
	own    map[string]uint64              // inodes of the reader's own namespaces, by type
}

// NsNeeds are the needs that read links of namespaces.
const NsNeeds = NeedIPCNS | NeedNamespaces

// namespaceNeeds are the needs to find the namespaces of the wanted kinds.
func (t *Tick) namespaceNeeds() schema.Need {
	var n schema.Need
	if t.WantsSysV() && t.Host.Live() {
		n |= NeedIPCNS
	}
	if t.WantsDevShm() && t.Host.Live() {
		n |= NeedMountNS
	}
	if t.AllNamespaces || t.Needs.Has(NeedNamespaces) {
		n |= NsNeeds | NeedProcs | NeedFDs
	}
	return n
}

// WantsSysV reports whether a System V kind is wanted.
func (t *Tick) WantsSysV() bool {
	for k := range t.Want {
		if k.SysV() {
			return true
		}
	}
	return false
}

// WantsDevShm reports whether a kind of files in /dev/shm is wanted.
func (t *Tick) WantsDevShm() bool {
	_, shm := t.Want[schema.PShm]
	_, sem := t.Want[schema.PSem]
	return shm || sem
}

// namespaces reads the namespaces of a process. Only the process itself can change its namespaces. So a process that
// has not run since the last tick is still in the same ones. An id in a mapping or a wait means something only with
// its IPC namespace. So a process with such ids gets its IPC namespace read in any case.
func (w *walker) namespaces(p *Process, dir process.Dir, needs schema.Need, buf []byte, old cached, now *cached) {
	types := namespace.Types()
	read := func(i int) {
		var ok bool
		if p.NS[i], ok = w.space(p, i); ok {
			return
		}
		link, err := dir.Readlink("ns/" + types[i])
		if err != nil {
			if !sys.Gone(err) {
				p.NSErr = err
			}
			return
		}
		_, p.NS[i], _ = namespace.ParseLink([]byte(link))
	}
	switch needs &= NsNeeds | NeedMountNS; {
	case p.Gone(): // a process that ends leaves its namespaces (exit_task_namespaces)
	case needs != 0 && old.known != nil && old.ns.Has(needs) && old.threadNS&w.threadTypes == w.threadTypes:
		p.NS, p.ThreadNS, p.NSErr = old.known.NS, old.known.ThreadNS, old.known.NSErr
		now.ns, now.threadNS = old.ns, old.threadNS
	case needs.Has(NeedNamespaces):
		for i := range types {
			read(i)
		}
		w.threadSpaces(p, dir, buf)
		now.ns, now.threadNS = needs, w.threadTypes
	default:
		if needs.Has(NeedIPCNS) && !p.KernelThread() || slices.ContainsFunc(p.Waits, Wait.InNamespace) ||
			slices.ContainsFunc(p.stopped, Wait.InNamespace) || mapsSegment(p) {
			read(ipcType)
		}
		if needs.Has(NeedMountNS) && !p.KernelThread() {
			read(mountType)
		}
		now.ns = needs
	}
	if failure(p.NSErr) != nil { // the next tick reads them again
		now.ns = 0
	}
}

// ipcType is the index of "ipc" in namespace.Types.
const ipcType = 2

// Spaces lists the known namespaces of a type by inode.
func (t *Tick) Spaces(typ string) []*Space {
	var list []*Space
	for _, s := range t.namespaceIndex().byName {
		if s.Type == typ {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *Space) int { return cmp.Compare(a.Ino, b.Ino) })
	return list
}

// Others lists the namespaces of a type that the reader is not in. It is nil if the reader's own namespace is not
// known.
func (t *Tick) Others(typ string) []*Space {
	list := t.Spaces(typ)
	own := t.namespaceIndex().own[typ]
	if own == 0 {
		return nil
	}
	return slices.DeleteFunc(list, func(s *Space) bool { return s.Ino == own })
}

// IPCSpaceOf is the Space of the System V ids that a process uses. It is 0 for the reader's own namespace, or if the
// process's namespace is not known.
func (t *Tick) IPCSpaceOf(p *Process) uint64 { return t.IPCSpace(p.NS[ipcType]) }

// IPCSpace is the Space of the System V ids of an IPC namespace.
func (t *Tick) IPCSpace(ino uint64) uint64 {
	if t.IPCSelf != 0 && ino != t.IPCSelf {
		return ino
	}
	return 0
}

// Ways maps each namespace to a path that leads into it. It is nil unless AllNamespaces is set.
func (t *Tick) Ways() map[namespace.Namespace]namespace.Namespace {
	if !t.AllNamespaces {
		return nil
	}
	known := t.namespaceIndex().byName
	ways := make(map[namespace.Namespace]namespace.Namespace, len(known))
	for name, s := range known {
		ways[name] = s.Namespace
	}
	return ways
}

// Entries lists the namespaces with the paths that lead into them.
func Entries(list []*Space) []namespace.Namespace {
	ways := make([]namespace.Namespace, len(list))
	for i, s := range list {
		ways[i] = s.Namespace
	}
	return ways
}

// namespaceIndex is the index of namespaces, worked out once a tick.
func (t *Tick) namespaceIndex() *spaceIndex { return Memo(t, indexSpaces) }

// OwnSpace is the inode of the reader's own namespace of a type. 0 means unknown.
func (t *Tick) OwnSpace(typ string) uint64 { return t.namespaceIndex().own[typ] }

// SpaceAt is the namespace of a type with that inode. nil means that none was found.
func (t *Tick) SpaceAt(typ string, ino uint64) *Space {
	return t.namespaceIndex().byName[namespace.Namespace{Type: typ, Ino: ino}]
}

func indexSpaces(t *Tick) *spaceIndex {
	x := &spaceIndex{byName: map[namespace.Namespace]*Space{}, own: map[string]uint64{}}
	types := namespace.Types()
	for _, typ := range types {
		x.own[typ], _ = t.Host.SelfNamespace(typ)
	}
	for _, p := range t.procs {
		for i, ino := range p.NS {
			if ino == 0 {
				continue
			}
			s := x.add(types[i], ino, fmt.Sprintf("/proc/%d/ns/%s", p.Living(), types[i]))
			if s.Procs++; s.Leader == nil {
				s.Leader = p
			}
		}
	}
	x.addThreads(t)
	if t.Needs.Has(NeedFDs) {
		x.addHeld(t)
	}
	if t.Needs.Has(NeedNamespaces) {
		x.addMounted(t)
	}
	return x
}

func (x *spaceIndex) add(typ string, ino uint64, way string) *Space {
	key := namespace.Namespace{Type: typ, Ino: ino}
	s := x.byName[key]
	if s == nil {
		s = &Space{Namespace: namespace.Namespace{Type: typ, Ino: ino, Path: way}}
		x.byName[key] = s
	}
	return s
}

// addHeld finds the namespaces that processes keep alive by a descriptor.
func (x *spaceIndex) addHeld(t *Tick) {
	for _, p := range t.procs {
		for i := range p.FDs {
			if fd := &p.FDs[i]; fd.Kind == FDNamespace {
				s := x.add(fd.Path, fd.Ino, fmt.Sprintf("/proc/%d/fd/%d", FDUse{p, fd}.TID(), fd.Num))
				if s.Leader == nil && s.FD == nil {
					s.FD = &FDUse{p, fd}
				}
			}
		}
	}
}

// addMounted finds the namespaces that a mount keeps alive (ip netns, unshare --ipc=FILE). Each mount namespace has its
// own mounts.
func (x *spaceIndex) addMounted(t *Tick) {
	if !t.Host.Live() {
		return
	}
	seen := map[uint64]bool{}
	for _, in := range t.mountSpaces() {
		if seen[in.ino] {
			continue
		}
		infos, err := vfs.MountsOf(in.tid)
		if err != nil {
			if !sys.Gone(err) && !errors.Is(err, syscall.EINVAL) { // EINVAL: the process has just ended
				t.Fault("namespaces", fmt.Errorf("mounted ones are not shown: %w", err))
			}
			continue
		}
		seen[in.ino] = true
		mounts := MountPoints(infos)
		for _, m := range infos {
			typ, ino, ok := namespace.ParseLink([]byte(m.Root))
			if m.Type != "nsfs" || !ok {
				continue
			}
			if MayHangBelow(mounts, path.Dir(m.Point)) {
				continue
			}
			s := x.add(typ, ino, fmt.Sprintf("/proc/%d/root%s", in.tid, m.Point))
			s.Mount = cmp.Or(s.Mount, m.Point)
		}
	}
}

// Place is the namespace of an object.
type Place struct {
	Space  uint64 // for the object's Ref; 0 for the reader's own namespace
	Ino    uint64 // 0: not known
	Leader schema.Value
	// of the leader's user namespace; nil: not known, or the object is in the reader's own namespace
	uids process.IDMap
}

// OwnUID is the number of a uid inside another namespace, if the number differs there.
func (p Place) OwnUID(uid uint32) schema.Value {
	inside, ok := p.uids.Inside(uid)
	if !ok || inside == uid {
		return schema.None(schema.TypeInt)
	}
	return schema.Int(int64(inside))
}

// uidMap reads the uid map of the leader's user namespace.
func (t *Tick) uidMap(s *Space) process.IDMap {
	if s == nil || s.Leader == nil {
		return nil
	}
	dir, err := t.Host.OpenProc(s.Leader.Living())
	if err != nil {
		return nil
	}
	defer dir.Close()
	text, err := dir.Read("uid_map", nil)
	if err != nil {
		return nil
	}
	m, err := process.ParseIDMap(text)
	if err != nil {
		return nil
	}
	return m
}

// NsLeaderHelp is the help of all columns ns_leader.
const NsLeaderHelp = "whose namespace that is: the container of the first process in it, else that process as " +
	"COMM[PID]; where no process is in it, its mount or COMM[PID]/fd/N"

// Inode is a cell of the inode of the namespace. It is blank if the inode is not known.
func (p Place) Inode() schema.Value {
	if p.Ino == 0 {
		return schema.None(schema.TypeInt)
	}
	return schema.Int(int64(p.Ino))
}

// Place describes the namespace of a type with that inode.
func (t *Tick) Place(typ string, ino uint64) Place {
	p := Place{Ino: ino, Leader: schema.Uncollected(schema.TypeString)}
	if own := t.namespaceIndex().own[typ]; own == 0 || own != ino {
		p.Space = ino
	}
	if t.Needs&NsNeeds != 0 && t.Needs.Has(NeedProcs) {
		s := t.namespaceIndex().byName[namespace.Namespace{Type: typ, Ino: ino}]
		p.Leader = t.leaderName(s)
		if typ == "ipc" && p.Space != 0 {
			p.uids = t.uidMap(s)
		}
	}
	return p
}

// OwnPlace describes the reader's own namespace of a type. Its Space is 0.
func (t *Tick) OwnPlace(typ string) Place {
	p := t.Place(typ, t.namespaceIndex().own[typ])
	p.Space = 0
	return p
}

// leaderName names a namespace by a process in it, else by its mount or its descriptor.
func (t *Tick) leaderName(s *Space) schema.Value {
	switch {
	case s == nil:
		return schema.None(schema.TypeString)
	case s.Leader != nil:
		if c := t.ContainerName(s.Leader); c != "" {
			return schema.String(c)
		}
		return schema.String(fmt.Sprintf("%s[%d]", s.Leader.Comm, s.Leader.PID))
	case s.Mount != "":
		return schema.String(s.Mount)
	case s.FD != nil:
		return schema.String(fmt.Sprintf("%s[%d]/fd/%d", s.FD.Process.Comm, s.FD.Process.PID, s.FD.FD.Num))
	}
	return schema.None(schema.TypeString)
}

// ContainerName is the name of the process's container, else its short id. It is "" for no container.
func (t *Tick) ContainerName(p *Process) string {
	c, _, _ := t.ControlGroup(p)
	return c.String()
}

// ContainerID finds the container id in the name of a control group (man 5 proc_pid_cgroup). Container engines put 64
// hexadecimal digits there: "docker/ID", "docker-ID.scope", "libpod-ID.scope", "cri-containerd-ID.scope",
// "crio-ID.scope" or "kubepods/…/ID".
func ContainerID(cgroup string) string {
	for _, part := range strings.FieldsFunc(cgroup, func(r rune) bool { return strings.ContainsRune("/:\n-.", r) }) {
		if len(part) == 64 && strings.Trim(part, "0123456789abcdef") == "" {
			return part
		}
	}
	return ""
}
