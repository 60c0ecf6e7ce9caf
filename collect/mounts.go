package collect

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/procfs"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// mountWatch knows below which paths a stat may hang for ever: network and FUSE mounts.
// Each mount namespace has mounts of its own; they are read once per namespace and tick.
type mountWatch struct {
	on      bool
	skipped atomic.Int64 // descriptors that were passed over in this tick

	mu   sync.Mutex
	seen map[string][]mount // link text of a mount namespace -> its mounts, longest paths first
}

type mount struct {
	point string
	hangs bool
}

// refresh forgets what the last tick knew.
func (m *mountWatch) refresh(h *kernel.Host, needs schema.Need) {
	m.on = needs&(schema.NeedFDModes|schema.NeedLocks|schema.NeedTTYs|schema.NeedFDFiles|schema.NeedMounts) != 0 && h.Live()
	m.skipped.Store(0)
	m.seen = map[string][]mount{}
}

// of gives the test for one process's paths. It reads nothing until it is asked.
func (m *mountWatch) of(dir kernel.ProcDir) func(path []byte) bool {
	if !m.on {
		return func([]byte) bool { return false }
	}
	mounts := sync.OnceValue(func() []mount { return m.mounts(dir) })
	return func(path []byte) bool { return mayHangBelow(mounts(), string(path)) }
}

// mounts lists the mounts of the process's namespace. Where they cannot be read, everything may hang, unless the process is
// gone: it leaves its namespaces after it closed its descriptors (do_exit, kernel/exit.c), so that none of them can be reached.
func (m *mountWatch) mounts(dir kernel.ProcDir) []mount {
	ns, err := dir.Readlink("ns/mnt")
	if err != nil {
		return []mount{{"/", !kernel.Gone(err)}}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mounts, ok := m.seen[ns]
	if !ok {
		if mounts, err = readMounts(dir.PID); err != nil {
			// EINVAL: it has left its namespace by now (mounts_open_common, fs/proc_namespace.c).
			return []mount{{"/", !kernel.Gone(err) && !errors.Is(err, syscall.EINVAL)}}
		}
		m.seen[ns] = mounts
	}
	return mounts
}

// unescape undoes what /proc/PID/mountinfo does to blanks in paths (proc_pid_mountinfo(5)).
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func readMounts(pid int) ([]mount, error) {
	infos, err := procfs.GetProcMounts(pid)
	if err != nil {
		return nil, err
	}
	return mountsOf(infos), nil
}

// mountsOf sorts mounts for mayHangBelow.
func mountsOf(infos []*procfs.MountInfo) []mount {
	mounts := make([]mount, 0, len(infos))
	for _, m := range infos {
		mounts = append(mounts, mount{unescape.Replace(m.MountPoint), mayHang(m.FSType)})
	}
	return sortMounts(mounts)
}

// sortMounts puts inner mounts first and, of two on one place, the later one, which hides the earlier.
func sortMounts(mounts []mount) []mount {
	slices.Reverse(mounts)
	slices.SortStableFunc(mounts, func(a, b mount) int { return len(b.point) - len(a.point) })
	return mounts
}

// mayHangBelow asks the innermost mount that the path lies on.
func mayHangBelow(mounts []mount, path string) bool {
	for _, m := range mounts {
		rest, ok := strings.CutPrefix(path, m.point)
		if ok && (rest == "" || rest[0] == '/' || m.point == "/") {
			return m.hangs
		}
	}
	return false
}

// mayHang says whether a file system asks a server or a user process, which may be dead.
func mayHang(fsType string) bool {
	switch fsType {
	case "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "coda", "gfs2", "lustre", "autofs", "fuse", "fuseblk", "orangefs":
		return true
	}
	return strings.HasPrefix(fsType, "fuse.")
}
