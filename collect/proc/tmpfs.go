package proc

import "github.com/ipctop/ipctop/collect/kernel/vfs"

// TmpfsMounts lists the file systems in memory that a process of the live machine has mounted: the path of each, as the
// process sees it, by device. It reads /proc/PID/mountinfo, which every user may read.
func TmpfsMounts(pid int) (map[uint64]string, error) {
	infos, err := vfs.MountsOf(pid)
	if err != nil {
		return nil, err
	}
	mounts := map[uint64]string{}
	for _, m := range infos {
		if _, known := mounts[m.Dev]; !known && (m.Type == "tmpfs" || m.Type == "ramfs") {
			mounts[m.Dev] = m.Point
		}
	}
	return mounts, nil
}
