package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"golang.org/x/sys/unix"
)

// POSIX objects. Shared memory and semaphores are glibc's convention, not the kernel's: files on the tmpfs at
// /dev/shm, semaphores with names that begin with "sem." (man 7 shm_overview, man 7 sem_overview). Message queues are the
// kernel's own, one flat directory for each IPC namespace, whether or not somebody mounted it (man 7 mq_overview).
//
//	DevShmFiles, AllPosixSems, AllPosixQueues   everything, with what could not be read
//	PosixShmFiles, PosixSems, PosixQueues       what util-linux lists (posix_lsipc.go)
//	DevShmUse, MqLimits                         limits and use (posix_limits.go)
//
// Nothing marks a file on /dev/shm as made by shm_open: any program may put files there.

const (
	devShm    = "/dev/shm"
	devMqueue = "/dev/mqueue"

	posixSemPrefix = "sem."
	posixSemSize   = 32        // sizeof(sem_t) of glibc and musl on 64-bit machines
	posixSemShared = 0x80      // LLL_SHARED
	posixSemMax    = 1<<31 - 1 // SEM_VALUE_MAX
	nameMax        = 255
)

// PosixSem is a named semaphore.
type PosixSem struct {
	vfs.PosixFile
	Value    uint32
	Waiters  uint32 // threads that sleep in sem_wait or are about to, as the C library counts them
	HasValue bool   // Value and Waiters are valid
	Denied   bool   // they could not be read for want of rights
}

// isSem tells the file of a semaphore from other files.
func isSem(f *vfs.PosixFile) bool {
	return f.Mode.IsRegular() && f.Size == posixSemSize && strings.HasPrefix(f.Name, posixSemPrefix) && len(f.Name) > len(posixSemPrefix)
}

// DevShmFiles lists what lies in /dev/shm but is no semaphore, by name: shared memory, and whatever else was put there.
// Directories are not descended into. A machine without /dev/shm has none.
func (h *Host) DevShmFiles() ([]vfs.PosixFile, error) {
	files, err := h.devShm()
	return slices.DeleteFunc(files, func(f vfs.PosixFile) bool { return isSem(&f) }), err
}

// AllPosixSems lists the files that are named semaphores by name and size, with their values if values is set. Reading a value
// may move the access time of a file of another user (O_NOATIME: man 2 open). It costs 3 microseconds each.
func (h *Host) AllPosixSems(values bool) ([]PosixSem, error) {
	files, err := h.devShm()
	var sems []PosixSem
	for _, f := range files {
		if !isSem(&f) {
			continue
		}
		s := PosixSem{PosixFile: f}
		s.Name = strings.TrimPrefix(f.Name, posixSemPrefix)
		if values {
			s.readValue(h.Path(devShm + "/" + f.Name))
		}
		sems = append(sems, s)
	}
	return sems, err
}

// readValue reads the sem_t of a 64-bit process. What is no semaphore by its content has no value.
func (s *PosixSem) readValue(path string) {
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
	fd, err := unix.Open(path, flags|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = unix.Open(path, flags, 0)
	}
	if err != nil {
		s.Denied = sys.Denied(err)
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Dev != s.Dev || st.Ino != s.Ino {
		return // another file by now
	}
	data := make([]byte, posixSemSize+1)
	n, err := unix.Pread(fd, data, 0)
	if err != nil {
		return
	}
	if v, ok := parsePosixSem(data[:n]); ok {
		s.Value, s.Waiters, s.HasValue = v.Value, v.Waiters, true
	}
}

// parsePosixSem reads glibc's struct new_sem (sysdeps/nptl/internaltypes.h, little-endian 64-bit): value and waiters in one
// 64-bit word, then whether it is private: named ones are not, which is 0 or, since it is kept as a futex flag, 0x80.
func parsePosixSem(data []byte) (PosixSem, bool) {
	if len(data) != posixSemSize {
		return PosixSem{}, false
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	if private := word(8); private != 0 && private != posixSemShared || word(0) > posixSemMax {
		return PosixSem{}, false
	}
	return PosixSem{Value: word(0), Waiters: word(4)}, true
}

// devShm lists /dev/shm, directories not descended into, by name. What goes away meanwhile is passed over.
func (h *Host) devShm() ([]vfs.PosixFile, error) {
	fd, err := sys.OpenDir(unix.AT_FDCWD, h.Path(devShm))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", devShm, err)
	}
	defer unix.Close(fd)
	files, err := listFiles(fd)
	if err != nil {
		err = fmt.Errorf("list %s: %w", devShm, err)
	}
	return files, err
}

// listFiles stats every entry of an open directory.
func listFiles(dir int) ([]vfs.PosixFile, error) {
	var files []vfs.PosixFile
	err := sys.EachDirent(dir, make([]byte, 32<<10), func(name []byte) {
		if f, err := vfs.StatAt(dir, string(name[:len(name)-1])); err == nil {
			files = append(files, f)
		}
	})
	slices.SortFunc(files, func(a, b vfs.PosixFile) int { return strings.Compare(a.Name, b.Name) })
	return files, err
}

// PosixShmStat reads one file of /dev/shm by its name ("/name"). fs.ErrNotExist: there is none.
func (h *Host) PosixShmStat(name string) (vfs.PosixFile, error) {
	return h.statDevShm(name, strings.TrimPrefix(name, "/"))
}

// PosixSemStat reads the file of one semaphore by its name ("/name"), not its value.
func (h *Host) PosixSemStat(name string) (vfs.PosixFile, error) {
	return h.statDevShm(name, posixSemPrefix+strings.TrimPrefix(name, "/"))
}

func (h *Host) statDevShm(name, file string) (vfs.PosixFile, error) {
	if err := vfs.PlainName(file); err != nil {
		return vfs.PosixFile{}, fmt.Errorf("%s: %w", name, err)
	}
	dir, err := sys.OpenDir(unix.AT_FDCWD, h.Path(devShm))
	if err != nil {
		return vfs.PosixFile{}, fmt.Errorf("open %s: %w", devShm, err)
	}
	defer unix.Close(dir)
	f, err := vfs.StatAt(dir, file)
	if err != nil {
		return vfs.PosixFile{}, fmt.Errorf("stat %s/%s: %w", devShm, file, err)
	}
	f.Name = strings.TrimPrefix(name, "/")
	return f, nil
}

// posixPath gives the file for a POSIX name, as glibc makes it: slashes at the beginning do not count, and none may follow.
// ok is false for a name that cannot be one.
func posixPath(name, prefix string) (path string, ok bool) {
	name = strings.TrimLeft(name, "/")
	if name == "" || len(prefix)+len(name) > nameMax || strings.ContainsAny(name, "/\x00") {
		return "", false
	}
	return devShm + "/" + prefix + name, true
}

// ReadPosixShm reads shared memory by its name ("/name"), if it is still the file with this device and inode number, from an offset
// on, into buf, and says how much there was. It moves the access time of a file of another user (O_NOATIME: man 2 open).
func (h *Host) ReadPosixShm(name string, dev, ino, offset uint64, buf []byte) (int, error) {
	path, ok := posixPath(name, "")
	fail := func(err error) (int, error) { return 0, fmt.Errorf("read %s: %w", path, err) }
	if !ok {
		return fail(unix.EINVAL)
	}
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
	fd, err := unix.Open(h.Path(path), flags|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = unix.Open(h.Path(path), flags, 0)
	}
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fail(err)
	}
	if st.Dev != dev || st.Ino != ino {
		return fail(ErrChanged)
	}
	n, err := unix.Pread(fd, buf, int64(offset))
	if err != nil {
		return fail(err)
	}
	return n, nil
}
