package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// POSIX objects as the kernel gives them. All three are files: queues of a file system that each IPC namespace has of its own
// (mq_overview(7)), shared memory and named semaphores of a tmpfs on /dev/shm (shm_overview(7), sem_overview(7)).
//
//	PosixQueues            every queue of the IPC namespace, whether or not its file system is mounted (posix_mq.go)
//	PosixShm, PosixSems    the files of /dev/shm, semaphores apart
//	DevShmUse, MqLimits    limits and use (posix_limits.go)

// PosixFile is what a POSIX object has as a file. Times are Unix seconds, sizes bytes.
type PosixFile struct {
	Name                string // as programs call it, with a leading '/'; any bytes
	Dev, Ino            uint64 // identity; a number is not given again soon
	Mode                uint32 // type and permission bits (st_mode)
	UID, GID            uint32
	Size                uint64
	Allocated           uint64 // bytes in memory or swap; 0 for queues
	ATime, MTime, CTime int64
}

// Regular says whether it is a regular file, which is all that shm_open and sem_open make.
func (f *PosixFile) Regular() bool { return f.Mode&unix.S_IFMT == unix.S_IFREG }

// Type is the file's type in a word: "file", "directory", "link", "fifo", "socket", "device".
func (f *PosixFile) Type() string {
	switch f.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "link"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "device"
}

// PosixSem is a named semaphore. Value and Waiters are valid if HasValue.
type PosixSem struct {
	PosixFile
	Value    uint32
	Waiters  uint32 // threads that sleep in sem_wait or are about to, as the C library counts them
	HasValue bool
	Denied   bool // the value could not be read for want of rights
}

// semPrefix stands before the name of a semaphore's file (sem_overview(7)); glibc and musl agree.
const semPrefix = "sem."

// semSize is sizeof(sem_t) of glibc and musl on 64-bit machines.
const semSize = 32

// DevShm is where POSIX shared memory and semaphores live.
const DevShm = "/dev/shm"

// isSem tells the file of a semaphore from other files.
func (f *PosixFile) isSem() bool {
	return f.Regular() && f.Size == semSize && strings.HasPrefix(f.Name, "/"+semPrefix) && len(f.Name) > 1+len(semPrefix)
}

// PosixShm lists what lies in /dev/shm but is no semaphore, by name: shared memory objects, and whatever else was put there.
// A machine without /dev/shm has none.
func (h *Host) PosixShm() ([]PosixFile, error) {
	files, err := h.devShm()
	return slices.DeleteFunc(files, func(f PosixFile) bool { return f.isSem() }), err
}

// PosixSems lists named semaphores by name, with their values if values is set. Reading a value may move the file's access
// time where it belongs to somebody else (O_NOATIME: man 2 open). It costs 3 microseconds each.
func (h *Host) PosixSems(values bool) ([]PosixSem, error) {
	files, err := h.devShm()
	var sems []PosixSem
	for _, f := range files {
		if !f.isSem() {
			continue
		}
		s := PosixSem{PosixFile: f}
		s.Name = "/" + strings.TrimPrefix(f.Name, "/"+semPrefix)
		if values {
			s.readValue(h.Path(DevShm) + f.Name)
		}
		sems = append(sems, s)
	}
	return sems, err
}

// readValue reads a sem_t of a 64-bit process. glibc (struct new_sem, sysdeps/nptl/internaltypes.h): value u32, nwaiters u32.
// musl (sem_wait.c): value with bit 31 for "somebody waits", waiters i32. A value has 31 bits in both.
func (s *PosixSem) readValue(path string) {
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
	fd, err := unix.Open(path, flags|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = unix.Open(path, flags, 0)
	}
	if err != nil {
		s.Denied = Denied(err)
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Dev != s.Dev || st.Ino != s.Ino {
		return // another file by now
	}
	var data [8]byte
	if n, err := unix.Pread(fd, data[:], 0); err != nil || n != len(data) {
		return
	}
	s.Value = binary.NativeEndian.Uint32(data[:]) &^ (1 << 31)
	s.Waiters = binary.NativeEndian.Uint32(data[4:])
	s.HasValue = true
}

// devShm lists /dev/shm, directories not descended into, by name. What goes away meanwhile is passed over.
func (h *Host) devShm() ([]PosixFile, error) {
	fd, err := openDir(unix.AT_FDCWD, h.Path(DevShm))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", DevShm, err)
	}
	defer unix.Close(fd)
	files, err := listFiles(fd)
	if err != nil {
		err = fmt.Errorf("list %s: %w", DevShm, err)
	}
	return files, err
}

// listFiles stats every entry of an open directory.
func listFiles(dir int) ([]PosixFile, error) {
	var files []PosixFile
	err := eachDirent(dir, make([]byte, 32<<10), func(name []byte) {
		if f, err := statFile(dir, string(name[:len(name)-1])); err == nil {
			files = append(files, f)
		}
	})
	slices.SortFunc(files, func(a, b PosixFile) int { return strings.Compare(a.Name, b.Name) })
	return files, err
}

func statFile(dir int, name string) (PosixFile, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return PosixFile{}, err
	}
	return posixFile(name, &st), nil
}

func posixFile(name string, st *unix.Stat_t) PosixFile {
	return PosixFile{
		Name: "/" + name, Dev: st.Dev, Ino: st.Ino, Mode: st.Mode, UID: st.Uid, GID: st.Gid,
		Size: uint64(st.Size), Allocated: uint64(st.Blocks) * 512, // st_blocks counts 512 bytes: man 3type stat
		ATime: st.Atim.Sec, MTime: st.Mtim.Sec, CTime: st.Ctim.Sec,
	}
}

// PosixShmStat reads one file of /dev/shm by its name ("/name"). fs.ErrNotExist: there is none.
func (h *Host) PosixShmStat(name string) (PosixFile, error) {
	return h.statDevShm(name, strings.TrimPrefix(name, "/"))
}

// PosixSemStat reads the file of one semaphore by its name ("/name"), not its value.
func (h *Host) PosixSemStat(name string) (PosixFile, error) {
	return h.statDevShm(name, semPrefix+strings.TrimPrefix(name, "/"))
}

func (h *Host) statDevShm(name, file string) (PosixFile, error) {
	if err := plainName(file); err != nil {
		return PosixFile{}, fmt.Errorf("%s: %w", name, err)
	}
	dir, err := openDir(unix.AT_FDCWD, h.Path(DevShm))
	if err != nil {
		return PosixFile{}, fmt.Errorf("open %s: %w", DevShm, err)
	}
	defer unix.Close(dir)
	f, err := statFile(dir, file)
	if err != nil {
		return PosixFile{}, fmt.Errorf("stat %s/%s: %w", DevShm, file, err)
	}
	f.Name = "/" + strings.TrimPrefix(name, "/")
	return f, nil
}

// plainName refuses what would leave the directory: a POSIX name is one path component (shm_open(3)).
func plainName(file string) error {
	if file == "" || file == "." || file == ".." || strings.ContainsAny(file, "/\x00") {
		return unix.EINVAL
	}
	return nil
}
