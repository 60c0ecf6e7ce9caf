package sysv

import (
	"bytes"
	"fmt"
	"os"
	"unsafe"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// MsgInfo holds the limits and the use of message queues, for one IPC namespace (man 2 msgctl, IPC_INFO, MSG_INFO).
type MsgInfo struct {
	MNI uint64 // msgmni: most queues
	MNB uint64 // msgmnb: qbytes (bytes) of a new queue
	Max uint64 // msgmax: longest message, bytes

	Queues   uint64
	Messages uint64
	Bytes    uint64 // bytes in all queues; the kernel cuts this count to a signed 32-bit number

	FromLists bool // the live kernel refused the calls: limits of /proc/sys, sums over the list
}

// SemInfo holds the limits and the use of semaphore sets (man 2 semctl, IPC_INFO, SEM_INFO).
type SemInfo struct {
	MSL uint64 // semmsl: most semaphores in a set
	MNS uint64 // semmns: most semaphores in all sets
	OPM uint64 // semopm: most operations in one semop
	MNI uint64 // semmni: most sets

	Sets       uint64
	Semaphores uint64

	FromLists bool // as in MsgInfo
}

// ShmInfo holds the limits and the use of shared memory segments (man 2 shmctl, IPC_INFO, SHM_INFO).
type ShmInfo struct {
	Max uint64 // shmmax: largest segment, bytes
	Min uint64 // shmmin: smallest segment, bytes, always 1
	MNI uint64 // shmmni: most segments
	All uint64 // shmall: most memory in all segments, pages

	PageSize uint64 // bytes

	Segments  uint64
	Pages     uint64 // of all segments, resident or not
	RSSPages  uint64 // in memory
	SwapPages uint64 // in swap

	FromLists bool // as in MsgInfo
}

// ReadMsgInfo reads MsgInfo; it costs under a microsecond on the live machine. On a file tree it reads
// /proc/sys/kernel and counts the lines of /proc/sysvipc.
func ReadMsgInfo(root sys.Root) (MsgInfo, error) {
	if !root.Live() {
		return msgInfoFiles(root)
	}
	var limits, use msginfo
	_, err := msgctl(0, ipcInfo, unsafe.Pointer(&limits))
	if err == nil {
		_, err = msgctl(0, msgInfo, unsafe.Pointer(&use))
	}
	if err != nil { // a security filter
		info, fileErr := msgInfoFiles(root)
		info.FromLists = true
		return info, unlessRead(fileErr, "msgctl IPC_INFO and MSG_INFO", err)
	}
	return MsgInfo{
		MNI: unsigned(limits.mni), MNB: unsigned(limits.mnb), Max: unsigned(limits.max),
		Queues: unsigned(use.pool), Messages: unsigned(use.maps), Bytes: unsigned(use.tql),
	}, nil
}

// ReadSemInfo reads SemInfo; it costs under a microsecond on the live machine. On a file tree it reads
// /proc/sys/kernel and counts the lines of /proc/sysvipc.
func ReadSemInfo(root sys.Root) (SemInfo, error) {
	if !root.Live() {
		return semInfoFiles(root)
	}
	var limits, use seminfo
	_, err := semctl(0, 0, ipcInfo, unsafe.Pointer(&limits))
	if err == nil {
		_, err = semctl(0, 0, semInfo, unsafe.Pointer(&use))
	}
	if err != nil {
		info, fileErr := semInfoFiles(root)
		info.FromLists = true
		return info, unlessRead(fileErr, "semctl IPC_INFO and SEM_INFO", err)
	}
	return SemInfo{
		MSL: unsigned(limits.msl), MNS: unsigned(limits.mns), OPM: unsigned(limits.opm), MNI: unsigned(limits.mni),
		Sets: unsigned(use.usz), Semaphores: unsigned(use.aem),
	}, nil
}

// ReadShmInfo reads ShmInfo. The kernel walks all segments for it: 150 microseconds for 4,096 segments. On a file
// tree it reads /proc/sys/kernel and adds up /proc/sysvipc/shm.
func ReadShmInfo(root sys.Root) (ShmInfo, error) {
	if !root.Live() {
		return shmInfoFiles(root)
	}
	var limits shminfo
	var use shmUse
	_, err := shmctl(0, ipcInfo, unsafe.Pointer(&limits))
	if err == nil {
		_, err = shmctl(0, shmInfo, unsafe.Pointer(&use))
	}
	if err != nil {
		info, fileErr := shmInfoFiles(root)
		info.FromLists = true
		return info, unlessRead(fileErr, "shmctl IPC_INFO and SHM_INFO", err)
	}
	return ShmInfo{
		Max: limits.max, Min: limits.min, MNI: limits.mni, All: limits.all, PageSize: uint64(os.Getpagesize()),
		Segments: unsigned(use.used), Pages: use.tot,
		RSSPages:  min(use.rss, use.tot), // see clampRSS
		SwapPages: use.swap,
	}, nil
}

// IPCObjects counts the System V objects of the IPC namespace. It costs a microsecond; many segments cost more (see
// ReadShmInfo).
func IPCObjects(root sys.Root) (uint64, error) {
	msg, err := ReadMsgInfo(root)
	if err != nil {
		return 0, err
	}
	sem, err := ReadSemInfo(root)
	if err != nil {
		return 0, err
	}
	shm, err := ReadShmInfo(root)
	return msg.Queues + sem.Sets + shm.Segments, err
}

// unsigned turns a negative count into the positive one that the kernel cut to an int.
// unlessRead is the error of the calls if the files could not be read either.
func unlessRead(fileErr error, calls string, err error) error {
	if fileErr == nil {
		return nil
	}
	return fmt.Errorf("%s: %w, and %w", calls, err, fileErr)
}

func unsigned(n int32) uint64 { return uint64(uint32(n)) }

func msgInfoFiles(root sys.Root) (MsgInfo, error) {
	var info MsgInfo
	for _, limit := range []struct {
		name string
		into *uint64
	}{{"msgmni", &info.MNI}, {"msgmnb", &info.MNB}, {"msgmax", &info.Max}} {
		if err := sysctl(root, limit.name, limit.into); err != nil {
			return MsgInfo{}, err
		}
	}
	queues, err := MsgQueues(root, false)
	for _, q := range queues {
		info.Queues++
		info.Messages += q.QNum
		info.Bytes += q.CBytes
	}
	return info, err
}

func semInfoFiles(root sys.Root) (SemInfo, error) {
	var info SemInfo
	if err := sysctl(root, "sem", &info.MSL, &info.MNS, &info.OPM, &info.MNI); err != nil {
		return SemInfo{}, err
	}
	sets, err := SemSets(root)
	for _, s := range sets {
		info.Sets++
		info.Semaphores += s.NSems
	}
	return info, err
}

func shmInfoFiles(root sys.Root) (ShmInfo, error) {
	page := uint64(os.Getpagesize())
	info := ShmInfo{Min: 1, PageSize: page}
	for _, limit := range []struct {
		name string
		into *uint64
	}{{"shmmax", &info.Max}, {"shmmni", &info.MNI}, {"shmall", &info.All}} {
		if err := sysctl(root, limit.name, limit.into); err != nil {
			return ShmInfo{}, err
		}
	}
	segments, err := ShmSegments(root, true)
	for _, s := range segments {
		info.Segments++
		info.Pages += (s.Size + page - 1) / page
		info.RSSPages += s.RSS / page
		info.SwapPages += s.Swap / page
	}
	return info, err
}

// sysctl reads the numbers of one file below /proc/sys/kernel.
func sysctl(root sys.Root, name string, into ...*uint64) error {
	path := "/proc/sys/kernel/" + name
	data, err := root.ReadFile(path)
	if err != nil {
		return err
	}
	f := scan.Numbers{Rest: bytes.ReplaceAll(bytes.TrimSpace(data), []byte{'\t'}, []byte{' '})}
	for _, n := range into {
		*n = f.Uint64()
	}
	if f.Bad {
		return fmt.Errorf("read %s: %w", path, scan.ErrMalformed)
	}
	return nil
}
