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
		dev, ok := MountDevice(m)
		if !ok {
			continue
		}
		if _, known := mounts[dev]; !known && (m.FSType == "tmpfs" || m.FSType == "ramfs") {
			mounts[dev] = Unescape.Replace(m.MountPoint)
		}
	}
	return mounts, nil
}

// MountDevice is the device number of the file system of a mount. ok is false if the line of mountinfo has none.
func MountDevice(m *procfs.MountInfo) (dev uint64, ok bool) {
	var major, minor uint32
	if _, err := fmt.Sscanf(m.MajorMinorVer, "%d:%d", &major, &minor); err != nil {
		return 0, false
	}
	return schema.MakeDev(major, minor), true
}
