package sysv

import "golang.org/x/sys/unix"

// SegmentDevices are the devices (st_dev) on which this kernel keeps System V segments: its internal tmpfs and its
// internal hugetlbfs mounts. The value is true for a device of huge pages. memfds live on the same devices, and a
// memfd's inode may equal a shmid. So a reader has to compare the device and the name as well.
func SegmentDevices() map[uint64]bool {
	devices := map[uint64]bool{}
	for _, flags := range []int{0, unix.MFD_HUGETLB, unix.MFD_HUGETLB | unix.MFD_HUGE_2MB,
		unix.MFD_HUGETLB | unix.MFD_HUGE_1GB} {
		fd, err := unix.MemfdCreate("ipctop-device", unix.MFD_CLOEXEC|flags)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			devices[st.Dev] = flags&unix.MFD_HUGETLB != 0
		}
		unix.Close(fd)
	}
	return devices
}
