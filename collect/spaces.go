package collect

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/prometheus/procfs"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// space is a namespace with who is in it.
type space struct {
	kernel.Namespace
	procs  int      // processes that are in it, as far as they could be looked into
	leader *Process // the first of them by pid; nil: none is
	mount  string   // where it is mounted, as its mount namespace has it; ""
	fd     *FDUse   // who holds a descriptor of it; nil: not known, or there is a leader
}

// spaceIndex is every namespace that was found.
type spaceIndex struct {
	byName map[kernel.Namespace]*space // without Path
	own    map[string]uint64           // inodes of the reader's own, by type
}

const nsNeeds = schema.NeedIPCNS | schema.NeedNamespaces

// namespaceNeeds are what it takes to know of the namespaces that the kinds asked for have.
func (f *Facts) namespaceNeeds() schema.Need {
	var n schema.Need
	if f.wantsSysV() && f.Host.Live() {
		n |= schema.NeedIPCNS
	}
	if f.AllNamespaces || f.Needs.Has(schema.NeedNamespaces) {
		n |= nsNeeds | schema.NeedProcs | schema.NeedFDs
	}
	return n
}

// wantsSysV tells that a System V kind was asked for.
func (f *Facts) wantsSysV() bool {
	for k := range f.Want {
		if k.SysV() {
			return true
		}
	}
	return false
}

// namespaces reads which namespaces a process is in. Only the process itself can change that, so that one that has not run is where it was.
// Ids in mappings and waits mean something only within an IPC namespace: that one is read for whoever has such.
func (w *walker) namespaces(p *Process, dir kernel.ProcDir, needs schema.Need, old cached, now *cached) {
	types := kernel.NamespaceTypes()
	read := func(i int) {
		link, err := dir.Readlink("ns/" + types[i])
		if err != nil {
			if kernel.Denied(err) {
				p.nsErr = err
			}
			return
		}
		_, p.ns[i], _ = kernel.ParseNamespaceLink([]byte(link))
	}
	switch needs &= nsNeeds; {
	case p.gone(): // it has left them (exit_task_namespaces)
	case needs != 0 && old.known != nil && old.ns.Has(needs):
		p.ns, p.nsErr, now.ns = old.known.ns, old.known.nsErr, old.ns
	case needs.Has(schema.NeedNamespaces):
		for i := range types {
			read(i)
		}
		now.ns = needs
	case needs != 0 && !p.KernelThread(), slices.ContainsFunc(p.waits, wait.inNamespace), slices.ContainsFunc(p.left, wait.inNamespace), mapsSegment(p):
		read(ipcType)
		now.ns = needs
	}
}

// ipcType is the place of "ipc" in kernel.NamespaceTypes.
const ipcType = 2

// spaces lists the namespaces of a type by inode, as far as the needs asked for them.
func (f *Facts) spaces(typ string) []*space {
	var list []*space
	for _, s := range f.known().byName {
		if s.Type == typ {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *space) int { return cmp.Compare(a.Ino, b.Ino) })
	return list
}

// others are the namespaces of a type that the reader is not in. nil where the reader's own is not known.
func (f *Facts) others(typ string) []*space {
	list := f.spaces(typ)
	own := f.known().own[typ]
	if own == 0 {
		return nil
	}
	return slices.DeleteFunc(list, func(s *space) bool { return s.Ino == own })
}

// ways are the paths to all namespaces, if they were asked for.
func (f *Facts) ways() map[kernel.Namespace]kernel.Namespace {
	if !f.AllNamespaces {
		return nil
	}
	known := f.known().byName
	ways := make(map[kernel.Namespace]kernel.Namespace, len(known))
	for name, s := range known {
		ways[name] = s.Namespace
	}
	return ways
}

// entries are the ways into namespaces.
func entries(list []*space) []kernel.Namespace {
	ways := make([]kernel.Namespace, len(list))
	for i, s := range list {
		ways[i] = s.Namespace
	}
	return ways
}

// known are the namespaces that were found, worked out once a tick.
func (f *Facts) known() *spaceIndex { return Memo(f, indexSpaces) }

// OwnSpace is the inode of the reader's own namespace of a type; 0: not known.
func (f *Facts) OwnSpace(typ string) uint64 { return f.known().own[typ] }

// SpaceAt is the namespace of a type with that inode; nil: none was found.
func (f *Facts) SpaceAt(typ string, ino uint64) *space {
	return f.known().byName[kernel.Namespace{Type: typ, Ino: ino}]
}

func indexSpaces(f *Facts) *spaceIndex {
	x := &spaceIndex{byName: map[kernel.Namespace]*space{}, own: map[string]uint64{}}
	types := kernel.NamespaceTypes()
	for _, typ := range types {
		x.own[typ], _ = f.Host.SelfNamespace(typ)
	}
	for _, p := range f.procs {
		for i, ino := range p.ns {
			if ino == 0 {
				continue
			}
			s := x.at(types[i], ino, fmt.Sprintf("/proc/%d/ns/%s", p.living(), types[i]))
			if s.procs++; s.leader == nil {
				s.leader = p
			}
		}
	}
	if f.Needs.Has(schema.NeedFDs) {
		x.held(f)
	}
	if f.Needs.Has(schema.NeedNamespaces) {
		x.mounted(f)
	}
	return x
}

func (x *spaceIndex) at(typ string, ino uint64, way string) *space {
	key := kernel.Namespace{Type: typ, Ino: ino}
	s := x.byName[key]
	if s == nil {
		s = &space{Namespace: kernel.Namespace{Type: typ, Ino: ino, Path: way}}
		x.byName[key] = s
	}
	return s
}

// held finds namespaces that live by a descriptor.
func (x *spaceIndex) held(f *Facts) {
	for _, p := range f.procs {
		for i := range p.fds {
			if fd := &p.fds[i]; fd.Kind == FDNamespace {
				s := x.at(fd.Path, fd.Ino, fmt.Sprintf("/proc/%d/fd/%d", p.PID, fd.Num))
				if s.leader == nil && s.fd == nil {
					s.fd = &FDUse{p, fd}
				}
			}
		}
	}
}

// mounted finds namespaces that live by a mount of theirs (ip netns, unshare --ipc=FILE). Each mount namespace has mounts of its own.
func (x *spaceIndex) mounted(f *Facts) {
	if !f.Host.Live() {
		return
	}
	seen := map[uint64]bool{}
	for _, p := range f.procs {
		mnt := p.ns[slices.Index(kernel.NamespaceTypes(), "mnt")]
		if mnt == 0 || seen[mnt] {
			continue
		}
		infos, err := procfs.GetProcMounts(p.PID)
		if err != nil {
			if !kernel.Gone(err) && !errors.Is(err, syscall.EINVAL) { // EINVAL: it has just ended
				f.Fault("namespaces", fmt.Errorf("mounted ones are not shown: %w", err))
			}
			continue
		}
		seen[mnt] = true
		mounts := mountsOf(infos)
		for _, m := range infos {
			typ, ino, ok := kernel.ParseNamespaceLink([]byte(m.Root))
			if m.FSType != "nsfs" || !ok {
				continue
			}
			point := unescape.Replace(m.MountPoint)
			if mayHangBelow(mounts, path.Dir(point)) {
				continue
			}
			s := x.at(typ, ino, fmt.Sprintf("/proc/%d/root%s", p.PID, point))
			s.mount = cmp.Or(s.mount, point)
		}
	}
}

// place says in which namespace an object is.
type place struct {
	space  uint64 // for its Ref: 0 for the reader's own
	ino    uint64 // 0: not known
	leader schema.Value
	uids   kernel.IDMap // of the leader's user namespace; nil: not known, or it is the reader's own namespace
}

// ownUID is a uid as the processes of another namespace have it, where that differs.
func (p place) ownUID(uid uint32) schema.Value {
	inside, ok := p.uids.Inside(uid)
	if !ok || inside == uid {
		return schema.None(schema.TypeInt)
	}
	return schema.Int(int64(inside))
}

// uidMap reads how the leader of another namespace maps uids.
func (f *Facts) uidMap(s *space) kernel.IDMap {
	if s == nil || s.leader == nil {
		return nil
	}
	dir, err := f.Host.OpenProc(s.leader.PID)
	if err != nil {
		return nil
	}
	defer dir.Close()
	text, err := dir.Read("uid_map", nil)
	if err != nil {
		return nil
	}
	m, err := kernel.ParseIDMap(text)
	if err != nil {
		return nil
	}
	return m
}

const nsLeaderHelp = "whose namespace that is: the container of the first process in it, else that process as COMM[PID]; where no process is in it, its mount or COMM[PID]/fd/N"

func (p place) inode() schema.Value {
	if p.ino == 0 {
		return schema.None(schema.TypeInt)
	}
	return schema.Int(int64(p.ino))
}

// place is that of a namespace; own is the reader's own.
func (f *Facts) place(typ string, ino uint64) place {
	p := place{ino: ino, leader: schema.Uncollected(schema.TypeString)}
	if own := f.known().own[typ]; own == 0 || own != ino {
		p.space = ino
	}
	if f.Needs&nsNeeds != 0 && f.Needs.Has(schema.NeedProcs) {
		s := f.known().byName[kernel.Namespace{Type: typ, Ino: ino}]
		p.leader = f.leaderName(s)
		if typ == "ipc" && p.space != 0 {
			p.uids = f.uidMap(s)
		}
	}
	return p
}

// ownPlace is that of objects of the reader's own namespace.
func (f *Facts) ownPlace(typ string) place {
	p := f.place(typ, f.known().own[typ])
	p.space = 0
	return p
}

// leaderName tells a namespace by who is in it.
func (f *Facts) leaderName(s *space) schema.Value {
	switch {
	case s == nil:
		return schema.None(schema.TypeString)
	case s.leader != nil:
		if c := f.container(s.leader); c != "" {
			return schema.String(c)
		}
		return schema.String(fmt.Sprintf("%s[%d]", s.leader.Comm, s.leader.PID))
	case s.mount != "":
		return schema.String(s.mount)
	case s.fd != nil:
		return schema.String(fmt.Sprintf("%s[%d]/fd/%d", s.fd.Process.Comm, s.fd.Process.PID, s.fd.FD.Num))
	}
	return schema.None(schema.TypeString)
}

// container is the short id of the container that a process is in, "" where its control group does not tell.
func (f *Facts) container(p *Process) string {
	text, err := f.Host.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID))
	if err != nil {
		return ""
	}
	id := containerID(string(text))
	return id[:min(len(id), 12)]
}

// containerID finds the id that a container engine put into the name of a control group (proc_pid_cgroup(5)): 64 hexadecimal digits as
// "docker/ID", "docker-ID.scope", "libpod-ID.scope", "cri-containerd-ID.scope", "crio-ID.scope" or "kubepods/…/ID".
func containerID(cgroup string) string {
	for _, part := range strings.FieldsFunc(cgroup, func(r rune) bool { return strings.ContainsRune("/:\n-.", r) }) {
		if len(part) == 64 && strings.Trim(part, "0123456789abcdef") == "" {
			return part
		}
	}
	return ""
}
