package process

// PidfsInode is the inode number of a process's pidfd. start is its start time in clock ticks since boot. ok is false
// before Linux 6.9, if the process has ended, and for a process that no pid of this pid namespace names.
func PidfsInode(pid int, start uint64) (inode uint64, ok bool) {
	h, err := OpenHandle(pid)
	if err != nil {
		return 0, false
	}
	defer h.Close()
	text, err := h.Read("stat", nil)
	if err != nil {
		return 0, false
	}
	stat, err := ParseProcStat(text)
	if err != nil || stat.Start != start {
		return 0, false
	}
	return h.PidfsInode()
}
