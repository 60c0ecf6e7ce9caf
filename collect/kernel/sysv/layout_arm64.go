package sysv

const semidSize = 88

// semidDS is struct semid64_ds (include/uapi/asm-generic/sembuf.h).
type semidDS struct {
	perm  ipcPerm
	otime int64
	ctime int64
	nsems uint64
	_, _  uint64
}
