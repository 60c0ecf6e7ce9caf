package process

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// Mapping is one memory area (VMA) of a file mapped MAP_SHARED, as in /proc/PID/maps.
type Mapping struct {
	Start, End uint64 // addresses
	Offset     uint64 // of Start in the file
	Writable   bool
	Dev, Ino   uint64
	Name       string // path; System V segments are "/SYSV%08x (deleted)" with the key at their creation
}

// procmapQuery is struct procmap_query (include/uapi/linux/fs.h, since Linux 6.11), 104 bytes.
type procmapQuery struct {
	size, flags, addr              uint64
	start, end, vmaFlags, pageSize uint64
	offset, inode                  uint64
	devMajor, devMinor             uint32
	nameSize, buildIDSize          uint32
	nameAddr, buildIDAddr          uint64
}

const (
	procmapQueryIoctl   = 0xC0686611 // _IOWR('f', 17, struct procmap_query)
	procmapWritable     = 0x02
	procmapShared       = 0x08
	procmapCoveringNext = 0x10
	procmapFileBacked   = 0x20
	procmapSharedFiles  = procmapShared | procmapCoveringNext | procmapFileBacked
	procmapNameCapacity = 4096
)

// SharedMaps lists the process's shared file mappings. On Linux 6.11 PROCMAP_QUERY gives only these: 64 µs for 3 of
// 1027 maps. On older kernels SharedMaps reads all maps: 490 µs for these.
func (p Dir) SharedMaps(buf []byte) ([]Mapping, error) {
	if p.live {
		var maps []Mapping
		var failed error
		name := buf
		if p.lane == nil || len(buf) < procmapNameCapacity { // outside a lane the query may go on alone
			name = make([]byte, procmapNameCapacity)
		}
		err := p.watch(func(own Dir) { maps, failed = own.queryMaps(name) })
		if err == nil && failed == nil {
			return maps, nil
		}
		if failed != unix.ENOTTY || err != nil {
			return nil, fmt.Errorf("query /proc/%d/maps: %w", p.PID, cmp.Or(err, failed))
		}
	}
	text, err := p.Read("maps", buf)
	if err != nil {
		return nil, err
	}
	return ParseSharedMaps(text)
}

// queryMaps asks for the mappings one by one. name has room for a name of procmapNameCapacity bytes.
func (p Dir) queryMaps(name []byte) ([]Mapping, error) {
	fd, err := unix.Openat(p.fd, "maps", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var maps []Mapping
	var pin runtime.Pinner // q holds the buffer's address as a number: the runtime does not see it
	pin.Pin(&name[0])
	defer pin.Unpin()
	q := procmapQuery{size: uint64(unsafe.Sizeof(procmapQuery{})), flags: procmapSharedFiles}
	for {
		q.nameSize, q.nameAddr, q.buildIDSize = procmapNameCapacity, uint64(uintptr(unsafe.Pointer(&name[0]))), 0
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), procmapQueryIoctl, uintptr(unsafe.Pointer(&q)))
		switch e {
		case 0:
		case unix.ENOENT: // no further mapping of this kind
			return maps, nil
		case unix.EINTR:
			continue
		default:
			return nil, e
		}
		m := Mapping{Start: q.start, End: q.end, Offset: q.offset, Writable: q.vmaFlags&procmapWritable != 0,
			Dev: unix.Mkdev(q.devMajor, q.devMinor), Ino: q.inode}
		if q.nameSize > 0 {
			m.Name = string(name[:q.nameSize-1])
		}
		maps = append(maps, m)
		if q.end <= q.addr {
			return maps, nil
		}
		q.addr = q.end
	}
}

// ParseSharedMaps reads the mappings of files with MAP_SHARED from /proc/PID/maps (proc_pid_maps(5)). Newlines in
// names appear there as \012. After a malformed line it returns the rows above the line, and the error.
func ParseSharedMaps(text []byte) ([]Mapping, error) {
	var maps []Mapping
	for line := range bytes.Lines(text) {
		f := scan.Fields{Rest: line}
		span, perms := f.Next(), f.Next()
		offset, err := strconv.ParseUint(string(f.Next()), 16, 64)
		dev, ino := f.Next(), f.Uint()
		if f.Bad || err != nil || len(perms) != 4 {
			return maps, scan.ErrShort
		}
		if perms[3] != 's' {
			continue
		}
		m := Mapping{Offset: offset, Writable: perms[1] == 'w', Ino: ino,
			Name: strings.TrimSuffix(string(bytes.TrimLeft(f.Rest, " \t")), "\n")}
		var ok1, ok2 bool
		m.Start, m.End, ok1 = scan.HexPair(span, '-')
		major, minor, ok := scan.HexPair(dev, ':')
		ok2 = ok && major <= 0xffffffff && minor <= 0xffffffff
		if !ok1 || !ok2 {
			return maps, scan.ErrShort
		}
		m.Dev = unix.Mkdev(uint32(major), uint32(minor))
		if m.Dev == 0 && ino == 0 { // no file; the System V segment with the id 0 has inode 0, on a device
			continue
		}
		maps = append(maps, m)
	}
	return maps, nil
}

// MappingOf is the mapping of our own process that begins where data begins. ino is the inode of its file. The mapping
// ends with the last page of data.
func MappingOf(data []byte, ino uint64) Mapping {
	start := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(data))))
	page := uint64(unix.Getpagesize())
	return Mapping{Start: start, End: (start + uint64(len(data)) + page - 1) / page * page, Ino: ino}
}
