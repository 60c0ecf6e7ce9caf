package proc

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// mountWatch knows the paths where a stat may hang for ever: those below network and FUSE mounts. Each mount
// namespace has its own mounts. mountWatch reads them once per namespace and tick.
type mountWatch struct {
	on      bool
	skipped atomic.Int64 // descriptors that were not looked at in this tick

	mu   sync.Mutex
	seen map[string][]Mount // link text of a mount namespace -> its mounts, longest paths first
	err  error              // why the mounts of a namespace are not known
}

// Mount is a mount point, and whether a stat below it may hang.
type Mount struct {
	Point string
	Hangs bool
}

// refresh forgets the mounts of the last tick.
func (m *mountWatch) refresh(h *kernel.Host, needs schema.Need) {
	m.on = needs&(NeedFDModes|NeedLocks|NeedTTYs|NeedFDFiles|NeedMounts) != 0 && h.Live()
	m.skipped.Store(0)
	m.seen, m.err = map[string][]Mount{}, nil
}

// of returns a test for one process's paths: it is true where a stat may hang. The mounts are read at the first call
// of the test.
func (m *mountWatch) of(dir process.Dir) func(path []byte) bool {
	if !m.on {
		return func([]byte) bool { return false }
	}
	mounts := sync.OnceValue(func() []Mount { return m.mounts(dir) })
	return func(path []byte) bool { return MayHangBelow(mounts(), string(path)) }
}

// mounts lists the mounts of the process's namespace. If they are unreadable, every path may hang, unless the process
// is gone. A process closes its descriptors before it leaves its namespaces (do_exit, kernel/exit.c). So no stat
// through its descriptors can work any more.
func (m *mountWatch) mounts(dir process.Dir) []Mount {
	m.mu.Lock()
	defer m.mu.Unlock()
	ns, err := dir.Readlink("ns/mnt")
	if sys.Denied(err) {
		// The kernel also answers EACCES if the process ends between the lookup of the link and its reading
		// (proc_ns_readlink, fs/proc/namespaces.c). A second lookup then finds nothing.
		ns, err = dir.Readlink("ns/mnt")
	}
	if err != nil {
		m.err = cmp.Or(m.err, failure(err))
		return []Mount{{"/", !sys.Gone(err)}}
	}
	mounts, ok := m.seen[ns]
	if !ok {
		if mounts, err = readMounts(dir.PID); err != nil {
			// EINVAL: the process has left its namespace meanwhile (mounts_open_common, fs/proc_namespace.c).
			gone := sys.Gone(err) || errors.Is(err, syscall.EINVAL)
			if !gone {
				m.err = cmp.Or(m.err, failure(err))
			}
			return []Mount{{"/", !gone}}
		}
		m.seen[ns] = mounts
	}
	return mounts
}

func readMounts(pid int) ([]Mount, error) {
	infos, err := vfs.MountsOf(pid)
	if err != nil {
		return nil, err
	}
	return MountPoints(infos), nil
}

// MountPoints turns the lines of mountinfo into the mounts for MayHangBelow.
func MountPoints(infos []vfs.Mount) []Mount {
	mounts := make([]Mount, 0, len(infos))
	for _, m := range infos {
		mounts = append(mounts, Mount{m.Point, vfs.MayHang(m.Type)})
	}
	return sortMounts(mounts)
}

// sortMounts sorts inner mounts before outer mounts. On the same path, the later mount comes first, since it hides
// the earlier one.
func sortMounts(mounts []Mount) []Mount {
	slices.Reverse(mounts)
	slices.SortStableFunc(mounts, func(a, b Mount) int { return len(b.Point) - len(a.Point) })
	return mounts
}

// MayHangBelow tells whether a stat of the path may hang: the innermost mount of the path decides.
func MayHangBelow(mounts []Mount, path string) bool {
	for _, m := range mounts {
		rest, ok := strings.CutPrefix(path, m.Point)
		if ok && (rest == "" || rest[0] == '/' || m.Point == "/") {
			return m.Hangs
		}
	}
	return false
}

// mountTable holds the mounts of the reader's mount namespace, or the error of reading them.
type mountTable struct {
	list []vfs.Mount
	err  error
}

// Mounts lists the mounts of the reader's mount namespace. It reads them once a tick.
func (t *Tick) Mounts() ([]vfs.Mount, error) {
	table := Memo(t, func(*Tick) mountTable {
		list, err := vfs.OwnMounts()
		return mountTable{list, err}
	})
	return table.list, table.err
}

// ownTmpfs holds the devices that OwnTmpfs lists.
type ownTmpfs map[uint64]bool

// OwnTmpfs lists the devices of each whole tmpfs that was made after the first process of this pid namespace. It reads
// them once a tick.
func (t *Tick) OwnTmpfs() map[uint64]bool { return Memo(t, listOwnTmpfs) }

func listOwnTmpfs(t *Tick) ownTmpfs {
	devices := ownTmpfs{}
	mounts, _ := t.Mounts() // without mounts nothing is proved
	for _, m := range mounts {
		if m.Type != "tmpfs" || m.Root != "/" {
			continue
		}
		if t.YoungerThanFirst(m.Point) {
			devices[m.Dev] = true
		}
	}
	return devices
}

// YoungerThanFirst is true if a file is provably younger than the first process of this pid namespace. The kernel cuts
// start times to clock ticks of 10 milliseconds: a file from the same tick may be older. A container's /dev/shm is
// often made right before its first process.
func (t *Tick) YoungerThanFirst(path string) bool {
	first := t.Process(1)
	if first == nil || t.Boot.IsZero() {
		return false
	}
	born, ok := t.Host.Born(path)
	return ok && !born.Before(t.StartTime(first.Start+1))
}
