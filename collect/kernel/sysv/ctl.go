package sysv

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands of msgctl, semctl and shmctl (include/uapi/linux/{ipc,msg,sem,shm}.h). On amd64 and arm64 they need no
// IPC_64 flag. Only architectures with an old layout have that flag.
const (
	ipcRmid = 0
	ipcSet  = 1
	ipcStat = 2
	ipcInfo = 3

	msgInfo    = 12
	msgStatAny = 13

	semGetPid  = 11
	semGetAll  = 13
	semGetNcnt = 14
	semGetZcnt = 15
	semSetVal  = 16
	semSetAll  = 17
	semInfo    = 19
	semStatAny = 20

	shmLock    = 11
	shmUnlock  = 12
	shmInfo    = 14
	shmStatAny = 15
)

// ipcPerm is struct ipc64_perm (include/uapi/asm-generic/ipcbuf.h), the same on amd64 and arm64.
type ipcPerm struct {
	key                  int32
	uid, gid, cuid, cgid uint32
	mode                 uint32
	seq                  uint16
	_                    uint16
	_                    uint32
	_, _                 uint64
}

// set takes the facts that IPC_SET changes (ipc_update_perm in ipc/util.c).
func (p *ipcPerm) set(to IPCPerm) { p.uid, p.gid, p.mode = to.UID, to.GID, to.Perms() }

// msqidDS is struct msqid64_ds (include/uapi/asm-generic/msgbuf.h).
type msqidDS struct {
	perm                ipcPerm
	stime, rtime, ctime int64
	cbytes, qnum        uint64
	qbytes              uint64
	lspid, lrpid        int32
	_, _                uint64
}

// shmidDS is struct shmid64_ds (include/uapi/asm-generic/shmbuf.h).
type shmidDS struct {
	perm                ipcPerm
	segsz               uint64
	atime, dtime, ctime int64
	cpid, lpid          int32
	nattch              uint64
	_, _                uint64
}

// msginfo is struct msginfo (include/uapi/linux/msg.h). MSG_INFO gives pool, maps and tql other meanings.
type msginfo struct {
	pool int32 // MSG_INFO: queues in use
	maps int32 // MSG_INFO: messages in all queues
	max  int32
	mnb  int32
	mni  int32
	ssz  int32
	tql  int32 // MSG_INFO: bytes in all queues, cut to an int
	seg  uint16
}

// seminfo is struct seminfo (include/uapi/linux/sem.h). SEM_INFO gives usz and aem other meanings.
type seminfo struct {
	maps, mni, mns, mnu, msl, opm, ume int32
	usz                                int32 // SEM_INFO: sets in use
	vmx                                int32
	aem                                int32 // SEM_INFO: semaphores in all sets
}

// shminfo is struct shminfo64 (include/uapi/asm-generic/shmbuf.h). IPC_INFO fills it.
type shminfo struct {
	max, min, mni, seg, all uint64
	_, _, _, _              uint64
}

// shmUse is struct shm_info (include/uapi/linux/shm.h). SHM_INFO fills it. All fields except used are in pages.
type shmUse struct {
	used           int32
	_              int32
	tot, rss, swap uint64
	_, _           uint64
}

// Wrong sizes do not compile. The sizes come from a running kernel's BTF.
var (
	_ [48]byte  = [unsafe.Sizeof(ipcPerm{})]byte{}
	_ [120]byte = [unsafe.Sizeof(msqidDS{})]byte{}
	_ [112]byte = [unsafe.Sizeof(shmidDS{})]byte{}
	_ [32]byte  = [unsafe.Sizeof(msginfo{})]byte{}
	_ [40]byte  = [unsafe.Sizeof(seminfo{})]byte{}
	_ [72]byte  = [unsafe.Sizeof(shminfo{})]byte{}
	_ [48]byte  = [unsafe.Sizeof(shmUse{})]byte{}

	_ [semidSize]byte = [unsafe.Sizeof(semidDS{})]byte{}
)

// The calls below do not sleep. So they use RawSyscall, which the Go scheduler does not see: a listing then takes a
// third less time. buf must have room for all that the command writes.

func msgctl(id, cmd int, buf unsafe.Pointer) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_MSGCTL, uintptr(id), uintptr(cmd), uintptr(buf))
	return result(n, errno)
}

func semctl(id, num, cmd int, arg unsafe.Pointer) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SEMCTL, uintptr(id), uintptr(num), uintptr(cmd), uintptr(arg), 0, 0)
	return result(n, errno)
}

func shmctl(id, cmd int, buf unsafe.Pointer) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_SHMCTL, uintptr(id), uintptr(cmd), uintptr(buf))
	return result(n, errno)
}

// result is n, and a nil error for errno 0. A plain conversion would give a non-nil error that holds 0.
func result(n uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (p *ipcPerm) perm(id int) IPCPerm {
	return IPCPerm{
		Key: uint32(p.key), ID: id,
		UID: p.uid, GID: p.gid, CUID: p.cuid, CGID: p.cgid, Mode: p.mode,
	}
}

// statMsg reads the queue at an index. The kernel also takes an id: it computes the index from it (ipcid_to_idx,
// ipc/util.h).
func statMsg(index int, q *MsgQueue) error {
	var ds msqidDS
	id, err := msgctl(index, msgStatAny, unsafe.Pointer(&ds))
	if err != nil {
		return err
	}
	*q = MsgQueue{
		IPCPerm: ds.perm.perm(id),
		CBytes:  ds.cbytes, QNum: ds.qnum, QBytes: ds.qbytes, HasQBytes: true,
		LSPid: ds.lspid, LRPid: ds.lrpid,
		STime: ds.stime, RTime: ds.rtime, CTime: ds.ctime,
	}
	return nil
}

// statSem reads the set at an index.
func statSem(index int, s *SemSet) error {
	var ds semidDS
	id, err := semctl(index, 0, semStatAny, unsafe.Pointer(&ds))
	if err != nil {
		return err
	}
	*s = SemSet{IPCPerm: ds.perm.perm(id), NSems: ds.nsems, OTime: ds.otime, CTime: ds.ctime}
	return nil
}

// statShm reads the segment at an index, without RSS and swap.
func statShm(index int, s *ShmSegment) error {
	var ds shmidDS
	id, err := shmctl(index, shmStatAny, unsafe.Pointer(&ds))
	if err != nil {
		return err
	}
	*s = ShmSegment{
		IPCPerm: ds.perm.perm(id),
		Size:    ds.segsz, CPid: ds.cpid, LPid: ds.lpid, NAttch: ds.nattch,
		ATime: ds.atime, DTime: ds.dtime, CTime: ds.ctime,
	}
	return nil
}
