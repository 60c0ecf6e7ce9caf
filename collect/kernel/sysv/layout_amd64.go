package sysv

const semidSize = 104

// semidDS is struct semid64_ds (arch/x86/include/uapi/asm/sembuf.h). x86 has padding after each time, even on 64
// bits.
type semidDS struct {
	perm  ipcPerm
	otime int64
	_     uint64
	ctime int64
	_     uint64
	nsems uint64
	_, _  uint64
}
