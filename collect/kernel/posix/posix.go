package posix

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

const (
	devShm    = "/dev/shm"
	devMqueue = "/dev/mqueue"

	semPrefix = "sem."
	semSize   = 32        // sizeof(sem_t) of glibc and musl on 64-bit machines
	semShared = 0x80      // LLL_SHARED
	semMax    = 1<<31 - 1 // SEM_VALUE_MAX
	nameMax   = 255
)

// Sem is a named semaphore.
type Sem struct {
	vfs.PosixFile
	Value    uint32
	Waiters  uint32 // threads that sleep in sem_wait or are about to sleep, by the C library's count
	HasValue bool   // Value and Waiters are valid
	Denied   bool   // missing rights hide Value and Waiters
	Unread   error  // another failure hides them, such as EMFILE
}

// isSem is true for the file of a semaphore.
func isSem(f *vfs.PosixFile) bool {
	return f.Mode.IsRegular() && f.Size == semSize && strings.HasPrefix(f.Name, semPrefix) &&
		len(f.Name) > len(semPrefix)
}

// DevShmFiles lists the entries of /dev/shm by name, without semaphores: shared memory, and any other file there. It
// does not enter directories. On a machine without /dev/shm the list is empty. OtherMounts: entries were left out.
func DevShmFiles(root sys.Root) ([]vfs.PosixFile, error) {
	var files []vfs.PosixFile
	err := inOwn(root, func(d ShmDir) (err error) { files, err = d.Files(); return err })
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return files, err
}

// AllSems lists the named semaphores by file name and size. With values set it reads their values too, at 3
// microseconds each. Reading a value may change the access time of another user's file (O_NOATIME: man 2 open).
func AllSems(root sys.Root, values bool) ([]Sem, error) {
	var sems []Sem
	err := inOwn(root, func(d ShmDir) error {
		files, err := d.list()
		sems = semsOf(files, func(s *Sem, file string) {
			if values {
				s.readValue(d.openOwn(root, file))
			}
		})
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return sems, err
}

// semsOf keeps the semaphores among files. read may add the value of a semaphore; file is the name of its file.
func semsOf(files []vfs.PosixFile, read func(s *Sem, file string)) []Sem {
	var sems []Sem
	for _, f := range files {
		if !isSem(&f) {
			continue
		}
		s := Sem{PosixFile: f}
		s.Name = strings.TrimPrefix(f.Name, semPrefix)
		read(&s, f.Name)
		sems = append(sems, s)
	}
	return sems
}

// openQuietly opens a file for reading. It follows no link and, where it may, keeps the access time.
func openQuietly(root sys.Root, path string) (int, error) {
	const flags = unix.O_NOFOLLOW | unix.O_NONBLOCK
	fd, err := root.OpenRegular(path, flags|unix.O_NOATIME)
	if err == unix.EPERM {
		fd, err = root.OpenRegular(path, flags)
	}
	return fd, err
}

// readValue reads the sem_t of a 64-bit process from an open file, or takes the error of opening. It closes fd. A file
// with other contents gets no value.
func (s *Sem) readValue(fd int, err error) {
	if err != nil {
		s.Denied, s.Unread = sys.Denied(err), unread(err)
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Dev != s.Dev || st.Ino != s.Ino {
		return // the name leads to another file now
	}
	data := make([]byte, semSize+1)
	n, err := unix.Pread(fd, data, 0)
	if err != nil {
		s.Unread = err
		return
	}
	if v, ok := parseSem(data[:n]); ok {
		s.Value, s.Waiters, s.HasValue = v.Value, v.Waiters, true
	}
}

// unread is the error of an open that says nothing about the object: descriptors or memory ran out, a disk failed. It
// is nil if rights are missing, or if the name leads to no such file by now.
func unread(err error) error {
	if sys.Denied(err) || sys.Gone(err) || err == unix.ELOOP || err == unix.EXDEV || errors.Is(err, sys.ErrNotRegular) {
		return nil
	}
	return err
}

// parseSem reads glibc's struct new_sem (sysdeps/nptl/internaltypes.h, little-endian 64-bit). The first 64-bit word
// holds value and waiters. The next field tells private semaphores from shared ones. A named semaphore is shared: the
// field is 0, or 0x80 where it holds a futex flag.
func parseSem(data []byte) (Sem, bool) {
	if len(data) != semSize {
		return Sem{}, false
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	if private := word(8); private != 0 && private != semShared || word(0) > semMax {
		return Sem{}, false
	}
	return Sem{Value: word(0), Waiters: word(4)}, true
}

// listDevShm lists /dev/shm by name. It does not enter directories. It leaves out files that vanish meanwhile.
func listDevShm(root sys.Root) ([]vfs.PosixFile, error) {
	var files []vfs.PosixFile
	err := inOwn(root, func(d ShmDir) (err error) { files, err = d.list(); return err })
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return files, err
}

// OtherMounts is the error of a list that leaves out this number of entries, on which other file systems are mounted.
// All others are in the list.
type OtherMounts int

func (n OtherMounts) Error() string {
	if n == 1 {
		return "another file system is mounted on an entry"
	}
	return fmt.Sprintf("other file systems are mounted on %d entries", int(n))
}

// listFiles reads every entry of an open directory. It passes over other file systems that are mounted in it, and
// counts them.
func listFiles(dir int) (files []vfs.PosixFile, mounts int, err error) {
	var unread error
	list := vfs.NewLister(dir)
	err = sys.EachTyped(dir, make([]byte, 32<<10), func(typ uint8, name []byte) bool {
		f, err := list.Stat(typ, string(name[:len(name)-1]))
		switch {
		case err == nil:
			files = append(files, f)
		case err == vfs.ErrOtherMount:
			mounts++
		case !sys.Gone(err):
			unread = fmt.Errorf("stat %s: %w", name[:len(name)-1], err)
		}
		return true
	})
	slices.SortFunc(files, func(a, b vfs.PosixFile) int { return strings.Compare(a.Name, b.Name) })
	return files, mounts, cmp.Or(err, unread)
}

// ShmStat reads one file of /dev/shm by its name ("/name"). fs.ErrNotExist: no such file.
func ShmStat(root sys.Root, name string) (vfs.PosixFile, error) {
	return statDevShm(root, name, strings.TrimPrefix(name, "/"))
}

// SemStat reads the file of one semaphore by its name ("/name"), without its value.
func SemStat(root sys.Root, name string) (vfs.PosixFile, error) {
	return statDevShm(root, name, semPrefix+strings.TrimPrefix(name, "/"))
}

func statDevShm(root sys.Root, name, file string) (vfs.PosixFile, error) {
	var f vfs.PosixFile
	err := inOwn(root, func(d ShmDir) (err error) { f, err = statIn(d.fd, name, file); return err })
	return f, err
}

// statIn reads a file of an open directory. name is the name of the object ("/name").
func statIn(dir int, name, file string) (vfs.PosixFile, error) {
	if err := vfs.PlainName(file); err != nil {
		return vfs.PosixFile{}, fmt.Errorf("%s: %w", name, err)
	}
	f, err := vfs.StatAt(dir, file)
	if err != nil {
		return vfs.PosixFile{}, fmt.Errorf("stat %s/%s: %w", devShm, file, err)
	}
	f.Name = strings.TrimPrefix(name, "/")
	return f, nil
}

// pathOf is the file for a POSIX name, by glibc's rule. Slashes at the beginning do not count. The rest may hold no
// slash. ok is false for a name that breaks the rule.
func pathOf(name, prefix string) (path string, ok bool) {
	name = strings.TrimLeft(name, "/")
	if name == "" || len(prefix)+len(name) > nameMax || strings.ContainsAny(name, "/\x00") {
		return "", false
	}
	return devShm + "/" + prefix + name, true
}

// ReadShm reads shared memory by its name ("/name") from offset into buf, and returns the number of bytes. It does so
// only if the file still has this device and inode number. Reading changes the access time of another user's file
// (O_NOATIME: man 2 open).
func ReadShm(root sys.Root, name string, dev, ino, offset uint64, buf []byte) (int, error) {
	n := 0
	err := inOwn(root, func(d ShmDir) (err error) {
		n, err = d.readShm(root, name, dev, ino, offset, buf)
		return err
	})
	return n, err
}
