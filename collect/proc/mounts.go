package proc

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/procfs"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// mountWatch knows below which paths a stat may hang for ever: network and FUSE mounts.
// Each mount namespace has mounts of its own; they are read once per namespace and tick.
type mountWatch struct {
	on      bool
	skipped atomic.Int64 // descriptors that were passed over in this tick

	mu   sync.Mutex
	seen map[string][]Mount // link text of a mount namespace -> its mounts, longest paths first
}

type Mount struct {
	Point string
	Hangs bool
}

// refresh forgets what the last tick knew.
func (m *mountWatch) refresh(h *kernel.Host, needs schema.Need) {
	m.on = needs&(NeedFDModes|NeedLocks|NeedTTYs|NeedFDFiles|NeedMounts) != 0 && h.Live()
	m.skipped.Store(0)
	m.seen = map[string][]Mount{}
}

// Of gives the test for one process's paths. It reads nothing until it is asked.
func (m *mountWatch) of(dir process.Dir) func(path []byte) bool {
	if !m.on {
		return func([]byte) bool { return false }
	}
	mounts := sync.OnceValue(func() []Mount { return m.mounts(dir) })
	return func(path []byte) bool { return MayHangBelow(mounts(), string(path)) }
}

// mounts lists the mounts of the process's namespace. Where they cannot be read, everything may hang, unless the
// process is gone: it leaves its namespaces after it closed its descriptors (do_exit, kernel/exit.c), so that none of
// them can be reached.
func (m *mountWatch) mounts(dir process.Dir) []Mount {
	ns, err := dir.Readlink("ns/mnt")
	if err != nil {
		return []Mount{{"/", !sys.Gone(err)}}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mounts, ok := m.seen[ns]
	if !ok {
		if mounts, err = readMounts(dir.PID); err != nil {
			// EINVAL: it has left its namespace by now (mounts_open_common, fs/proc_namespace.c).
			return []Mount{{"/", !sys.Gone(err) && !errors.Is(err, syscall.EINVAL)}}
		}
		m.seen[ns] = mounts
	}
	return mounts
}

// unescape undoes what /proc/PID/mountinfo does to blanks in paths (proc_pid_mountinfo(5)).
var Unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func readMounts(pid int) ([]Mount, error) {
	infos, err := procfs.GetProcMounts(pid)
	if err != nil {
		return nil, err
	}
	return mountsOf(infos), nil
}

// mountsOf sorts mounts for MayHangBelow.
func mountsOf(infos []*procfs.MountInfo) []Mount {
	mounts := make([]Mount, 0, len(infos))
	for _, m := range infos {
		mounts = append(mounts, Mount{Unescape.Replace(m.MountPoint), MayHang(m.FSType)})
	}
	return SortMounts(mounts)
}

// SortMounts puts inner mounts first and, of two on one place, the later one, which hides the earlier.
func SortMounts(mounts []Mount) []Mount {
	slices.Reverse(mounts)
	slices.SortStableFunc(mounts, func(a, b Mount) int { return len(b.Point) - len(a.Point) })
	return mounts
}

// MayHangBelow asks the innermost mount that the path lies on.
func MayHangBelow(mounts []Mount, path string) bool {
	for _, m := range mounts {
		rest, ok := strings.CutPrefix(path, m.Point)
		if ok && (rest == "" || rest[0] == '/' || m.Point == "/") {
			return m.Hangs
		}
	}
	return false
}

// MayHang says whether a file system asks a server or a user process, which may be dead.
func MayHang(fsType string) bool {
	switch fsType {
	case "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "coda", "gfs2", "lustre", "autofs", "fuse",
		"fuseblk", "orangefs":
		return true
	}
	return strings.HasPrefix(fsType, "fuse.")
}
