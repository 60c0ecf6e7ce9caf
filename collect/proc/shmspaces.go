package proc

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// ShmSpace is the /dev/shm of other processes than the reader: another mount namespace, or another root directory, may
// have its own.
type ShmSpace struct {
	Way     posix.ShmWay
	MountNS uint64   // mount namespace of the leader; 0: not known
	Leader  *Process // the process with the lowest pid that has the directory there
	FSType  string   // of its file system
	NoATime bool     // reading does not change access times there
	Whole   bool     // it is the root of its file system
}

// mountType is the index of "mnt" in namespace.Types.
const mountType = 0

// ShmSpaces lists the directories that processes have at /dev/shm, without the reader's own. Each is listed once, by
// device and inode number. It is empty for a tree of files. It needs NeedMountNS, and looks once a tick.
func (t *Tick) ShmSpaces() []*ShmSpace { return Memo(t, findShmSpaces) }

// shmSpaces are the directories of ShmSpaces.
type shmSpaces []*ShmSpace

// ShmSpaceOn lists the other directories at /dev/shm on a device.
func (t *Tick) ShmSpaceOn(dev uint64) *ShmSpace {
	i := slices.IndexFunc(t.ShmSpaces(), func(s *ShmSpace) bool { return s.Way.Dev == dev })
	if i < 0 {
		return nil
	}
	return t.ShmSpaces()[i]
}

// rootView is the view of the files that processes share: their mount namespace and their root directory.
type rootView struct {
	ns   uint64
	root string // text of the link; "": not read
}

func findShmSpaces(t *Tick) shmSpaces {
	if !t.Host.Live() {
		return nil
	}
	own, err := t.Host.OwnShmDir()
	if err == nil {
		own.Close()
	} else if !posix.IsMissing(err) && !errors.Is(err, vfs.ErrMayHang) { // the kinds report that one
		t.Fault("namespaces", err)
		return nil
	}
	seen := map[rootView]bool{{ns: t.OwnSpace("mnt"), root: t.ownRoot()}: true}
	known := []posix.ShmDir{own}
	var list shmSpaces
	denied, hanging := 0, 0
	for _, m := range t.mountSpaces() {
		if m.KernelThread() {
			continue
		}
		space, dir, err := t.shmSpaceOf(m, seen, known)
		switch {
		case space != nil:
			list, known = append(list, space), append(known, dir)
		case err == nil, posix.IsMissing(err), sys.Gone(err):
		case sys.Denied(err):
			denied++
		case errors.Is(err, vfs.ErrMayHang):
			hanging++
		default:
			t.Fault("namespaces", err)
		}
	}
	if denied > 0 {
		t.AddFault(schema.Fault{Source: "namespaces", Denied: true, Count: denied, Says: fmt.Sprintf("the /dev/shm "+
			"of %s could not be opened (permission denied): its files are not shown; root sees all",
			schema.Counted(denied, "other mount namespace"))})
	}
	if hanging > 0 {
		t.AddFault(schema.Fault{Source: "namespaces", Count: hanging, Says: fmt.Sprintf("the /dev/shm of %s lies "+
			"below a network or FUSE mount, where a dead server would hang the look: its files are not shown",
			schema.Counted(hanging, "other mount namespace"))})
	}
	return list
}

// inMountSpace is a thread in a mount namespace.
type inMountSpace struct {
	*Process
	tid int
	ino uint64
}

// mountSpaces lists the processes with their mount namespaces, and then the threads in mount namespaces of their own.
func (t *Tick) mountSpaces() (list []inMountSpace) {
	for _, p := range t.procs {
		if p.NS[mountType] != 0 {
			list = append(list, inMountSpace{p, p.Living(), p.NS[mountType]})
		}
	}
	for _, p := range t.procs {
		for _, s := range p.ThreadNS {
			if s.Type == "mnt" {
				list = append(list, inMountSpace{p, s.TID, s.Ino})
			}
		}
	}
	return list
}

// ownRoot is the link of the reader's own root directory.
func (t *Tick) ownRoot() string {
	if !t.AllNamespaces {
		return ""
	}
	if p := t.Process(t.Self); p != nil {
		if dir, err := t.Host.OpenProc(p.PID); err == nil {
			defer dir.Close()
			root, _ := dir.Readlink("root")
			return root
		}
	}
	return "/"
}

// shmSpaceOf looks at the /dev/shm of a thread, if no thread with the same view was looked at. It returns nil if the
// directory is known.
func (t *Tick) shmSpaceOf(m inMountSpace, seen map[rootView]bool, known []posix.ShmDir) (*ShmSpace, posix.ShmDir,
	error) {
	view := rootView{ns: m.ino}
	if !t.AllNamespaces && seen[view] { // for the note, other root directories in one namespace do not count
		return nil, posix.ShmDir{}, nil
	}
	proc, err := t.Host.OpenProc(m.tid)
	if err != nil {
		return nil, posix.ShmDir{}, err
	}
	defer proc.Close()
	if t.AllNamespaces {
		if view.root, err = proc.Readlink("root"); err != nil {
			return nil, posix.ShmDir{}, err
		}
		if seen[view] {
			return nil, posix.ShmDir{}, nil
		}
	}
	dir, real, err := t.Host.ShmDirOf(proc, t.Hangs(proc))
	if err != nil {
		seen[view] = !sys.Gone(err) // the process itself may have ended: then the next one tells
		return nil, posix.ShmDir{}, err
	}
	defer dir.Close()
	seen[view] = true
	if slices.ContainsFunc(known, dir.Same) {
		return nil, dir, nil
	}
	on, err := mountOfDir(proc.PID, dir, real)
	if err != nil {
		return nil, dir, err
	}
	_, noatime := vfs.Option(on.Options, "noatime")
	return &ShmSpace{Way: posix.ShmWay{PID: proc.PID, Dev: dir.Dev, Ino: dir.Ino, Path: real}, MountNS: view.ns,
		Leader: m.Process,
		FSType: on.Type, NoATime: noatime, Whole: on.Root == "/" && on.Point == real}, dir, nil
}

// mountOfDir is the mount of an open directory. The mount's number comes from the directory itself, so no change of
// mounts can make a hanging mount look harmless. A process sees only the mounts below its root directory; the mount of
// a directory in a chroot may be known only to us. vfs.ErrMayHang: a dead server would hang a look, or the mount is not
// known.
func mountOfDir(pid int, dir posix.ShmDir, real string) (on vfs.Mount, err error) {
	for _, read := range []func() ([]vfs.Mount, error){
		func() ([]vfs.Mount, error) { return vfs.MountsOf(pid) }, vfs.OwnMounts} {
		mounts, err := read()
		if err != nil {
			continue
		}
		slices.Reverse(mounts) // of two mounts on one path, the later hides the earlier
		i := slices.IndexFunc(mounts, func(m vfs.Mount) bool {
			if dir.MountID != 0 {
				return m.ID == int(dir.MountID)
			}
			return m.Point == real
		})
		if i >= 0 {
			if vfs.MayHang(mounts[i].Type) {
				return on, vfs.ErrMayHang
			}
			return mounts[i], nil
		}
	}
	return on, vfs.ErrMayHang
}

// VisitShm runs do with another /dev/shm.
func (t *Tick) VisitShm(s *ShmSpace, do func(posix.ShmDir) error) error {
	return t.Host.VisitShm(s.Way, do)
}

// ShmPlace describes the /dev/shm of an object: a mount namespace that has it and whose it is. nil is the reader's own.
func (t *Tick) ShmPlace(s *ShmSpace) Place {
	own := t.OwnSpace("mnt")
	p, at := Place{Ino: own, Leader: schema.Uncollected(schema.TypeString)}, t.SpaceAt("mnt", own)
	if s != nil {
		p.Space, p.Ino = s.Way.Dev, s.MountNS
		at = &Space{Leader: s.Leader}
	}
	if t.Needs.Has(NeedProcs | NeedMountNS) {
		p.Leader = t.leaderName(at)
	}
	return p
}

// DevShmNameIn is DevShmName for a path as any process sees it: a chroot may be in front of /dev/shm.
func DevShmNameIn(p string) (name string, ok bool) {
	p = strings.TrimSuffix(p, DeletedSuffix)
	return path.Base(p), strings.HasSuffix(path.Dir(p), "/dev/shm")
}
