package process

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// A page of a process's memory may be one that a server has to deliver: a page of a FUSE file, or of memory that is
// registered with a userfaultfd. A read of the page asks the server, and sleeps until the server answers (man 2
// userfaultfd). Any user may have such a server. So pages that are in memory or in swap are read. For the others, the
// mapping tells if there may be a server.

// ErrMemoryServed means that memory was not read: a server may have to deliver it.
var ErrMemoryServed = errors.New("its memory was not read: a FUSE or network server or a userfaultfd may have to " +
	"deliver it, and may be silent")

// memory is what a Dir keeps about the memory of its process.
type memory struct {
	pagemap int   // a descriptor; 0: not open
	refused error // the first read that ended in ErrMemoryServed
}

// close closes the descriptor. A second call does nothing.
func (m *memory) close() {
	if m != nil && m.pagemap > 0 {
		unix.Close(m.pagemap)
		m.pagemap = 0
	}
}

// MemoryRefused is an error if memory was not read since Open, because a server may have to deliver it.
func (p Dir) MemoryRefused() error {
	if p.memory == nil {
		return nil
	}
	return p.memory.refused
}

// errNoMemory means that only a part of the memory could be read.
var errNoMemory = errors.New("cut short")

// readMemory reads len(into) bytes from the memory of a thread's process. It needs the right to ptrace the process
// (man 2 process_vm_readv). It reads no memory that a server has to deliver: ErrMemoryServed.
func (p Dir) readMemory(tid int, addr uint64, into []byte) error {
	n, err := p.readSome(tid, addr, into)
	if err == nil && n != len(into) {
		err = errNoMemory
	}
	if err != nil {
		return fmt.Errorf("process_vm_readv %d: %w", tid, err)
	}
	return nil
}

// readSome is readMemory for memory that may end before.
func (p Dir) readSome(tid int, addr uint64, into []byte) (n int, err error) {
	if !p.live {
		return 0, sys.ErrNotLive
	}
	if len(into) == 0 {
		return 0, nil
	}
	buf := into
	if p.lane == nil && p.stalls != nil {
		buf = make([]byte, len(into)) // the read may go on alone
	}
	var got int
	var failed error
	if err = p.watch(func(own Dir) { got, failed = own.readServerless(tid, addr, buf) }); err == nil {
		n, err = got, failed
		copy(into, buf[:n])
	}
	if err != nil && p.memory != nil && p.memory.refused == nil && errors.Is(err, ErrMemoryServed) {
		p.memory.refused = err
	}
	return n, err
}

func (p Dir) readServerless(tid int, addr uint64, into []byte) (int, error) {
	if !p.pagesAreHere(addr, len(into)) {
		if err := p.checkMappings(addr, len(into)); err != nil {
			return 0, err
		}
	}
	if err := sys.CheckPIDs(); err != nil {
		return 0, err
	}
	local := []unix.Iovec{{Base: &into[0], Len: uint64(len(into))}}
	n, err := unix.ProcessVMReadv(tid, local, []unix.RemoteIovec{{Base: uintptr(addr), Len: len(into)}}, 0)
	return max(n, 0), err
}

// pagesAreHere is true if pages are in memory or in swap: a read of them asks no server (Documentation/admin-guide/mm/
// pagemap.rst). It costs two microseconds, and two more for the first question of a Dir.
func (p Dir) pagesAreHere(addr uint64, size int) bool {
	const (
		present = 1 << 63
		swapped = 1 << 62
		uffdWP  = 1 << 57 // also of a page that is not there: a mark for its server
		most    = 8
	)
	page := sys.PageSize()
	first, last := addr/page, (addr+uint64(size)-1)/page
	if p.memory == nil || last < first || last-first >= most {
		return false
	}
	if p.memory.pagemap == 0 {
		fd, err := unix.Openat(p.fd, "pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return false
		}
		p.memory.pagemap = fd
	}
	var buf [8 * most]byte
	entries := buf[:8*(last-first+1)]
	if n, err := unix.Pread(p.memory.pagemap, entries, int64(first*8)); err != nil || n != len(entries) {
		return false
	}
	for ; len(entries) > 0; entries = entries[8:] {
		e := binary.NativeEndian.Uint64(entries)
		if e&present == 0 && (e&swapped == 0 || e&uffdWP != 0) {
			return false
		}
	}
	return true
}

// area is a mapping in /proc/PID/smaps.
type area struct {
	dev   string // "08:01"
	ino   uint64
	flags string // VmFlags
}

// checkMappings returns ErrMemoryServed if a server may have to deliver an address. An address without a mapping asks
// no server. Few reads come here, as smaps costs ten times as much as maps.
func (p Dir) checkMappings(addr uint64, size int) error {
	text, err := p.read("smaps", nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMemoryServed, err)
	}
	areas, err := parseAreas(text, addr, addr+uint64(size))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMemoryServed, err)
	}
	for _, a := range areas {
		for flag := range strings.FieldsSeq(a.flags) {
			if flag == "um" || flag == "ui" { // registered for missing pages, for minor faults (proc_pid_smaps(5))
				return ErrMemoryServed
			}
		}
		if a.ino != 0 && !p.storesItself(a.dev) {
			return ErrMemoryServed
		}
	}
	return nil
}

// parseAreas lists the mappings of /proc/PID/smaps that have an address from first up to end.
func parseAreas(text []byte, first, end uint64) (areas []area, err error) {
	inside := false
	for line := range bytes.Lines(text) {
		f := scan.Fields{Rest: line}
		word := f.Next()
		if start, stop, ok := scan.HexPair(word, '-'); ok {
			f.Next()
			f.Next()
			dev, ino := f.Next(), f.Uint()
			if f.Bad {
				return areas, scan.ErrShort
			}
			if inside = start < end && first < stop; inside {
				areas = append(areas, area{dev: string(dev), ino: ino})
			}
		} else if inside && string(word) == "VmFlags:" {
			areas[len(areas)-1].flags = string(f.Rest)
		}
	}
	return areas, nil
}

// storesItself is true for a device, as "08:01", whose file system has its pages in memory or on a local disk.
func (p Dir) storesItself(dev string) bool {
	text, err := p.read("mountinfo", nil)
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) { // ID PARENT MAJOR:MINOR ROOT POINT OPTIONS… - TYPE SOURCE OPTIONS
		f := scan.Fields{Rest: line}
		f.Next()
		f.Next()
		number := string(f.Next())
		major, minor, ok := strings.Cut(number, ":")
		a, err1 := strconv.Atoi(major)
		b, err2 := strconv.Atoi(minor)
		_, rest, found := bytes.Cut(line, []byte(" - "))
		if !ok || err1 != nil || err2 != nil || !found || fmt.Sprintf("%02x:%02x", a, b) != dev {
			continue
		}
		f = scan.Fields{Rest: rest}
		switch string(f.Next()) {
		case "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "erofs", "squashfs", "vfat", "tmpfs", "ramfs", "rootfs",
			"devtmpfs", "hugetlbfs":
			return true
		}
		return false
	}
	// Memory without a name is on a file system that is mounted nowhere: memfds, System V segments, shared anonymous
	// memory.
	fd, err := unix.MemfdCreate("", unix.MFD_CLOEXEC)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	return err == nil && fmt.Sprintf("%02x:%02x", unix.Major(st.Dev), unix.Minor(st.Dev)) == dev
}
