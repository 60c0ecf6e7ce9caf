package proc

import (
	"fmt"

	"github.com/prometheus/procfs"

	"github.com/ipctop/ipctop/collect/schema"
)

// TmpfsMounts lists the file systems in memory that a process of the live machine has mounted: the path of each, as the
// process sees it, by device. It reads /proc/PID/mountinfo, which every user may read.
func TmpfsMounts(pid int) (map[uint64]string, error) {
	infos, err := procfs.GetProcMounts(pid)
	if err != nil {
		return nil, err
	}
	mounts := map[uint64]string{}
	for _, m := range infos {
		var major, minor uint32
		if _, err := fmt.Sscanf(m.MajorMinorVer, "%d:%d", &major, &minor); err != nil {
			continue
		}
		dev := schema.MakeDev(major, minor)
		if _, known := mounts[dev]; !known && (m.FSType == "tmpfs" || m.FSType == "ramfs") {
			mounts[dev] = Unescape.Replace(m.MountPoint)
		}
	}
	return mounts, nil
}
