package vfs

import (
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// PathScan has the places that SpecialFiles reads, and the limits.
type PathScan struct {
	Roots  []string               // directories; SpecialFiles leaves out all symbolic links
	Skip   func(path string) bool // true: do not open this directory; nil: open all
	Depth  int                    // levels of directories to enter below each root
	Most   int                    // limit of entries below each root
	MostIn int                    // limit of entries in each directory
	Known  KnownDirs              // what earlier calls read; nil: nothing is kept
}

// PathsFound is what SpecialFiles found.
type PathsFound struct {
	Files  []PosixFile // FIFOs and sockets; Name is the whole path
	Unread []string    // directories that could not be read
	Cut    []string    // directories with more entries than MostIn in them, or roots with more than Most below them
}

// SpecialFiles lists the FIFOs and sockets below directories. It opens no file, only directories. Where it may, it
// keeps their access times (O_NOATIME). It reads all directories of a level before those below, so that a large tree
// deep below hides nothing above. Of a cached directory it costs 2 microseconds a FIFO or socket, and 0.1 microseconds
// another entry: only a file system that does not tell the types of its entries needs a stat for each.
func SpecialFiles(root sys.Root, scan PathScan) PathsFound {
	return specialFiles(root, scan, time.Now())
}

func specialFiles(root sys.Root, scan PathScan, now time.Time) PathsFound {
	s := pathScan{PathScan: scan, buf: make([]byte, 32<<10), now: now, visited: map[string]bool{}}
	if !root.Live() {
		return s.PathsFound
	}
	for _, root := range scan.Roots {
		s.below(root)
	}
	s.forgetOthers()
	return s.PathsFound
}

type pathScan struct {
	PathScan
	PathsFound
	buf     []byte
	now     time.Time
	visited map[string]bool // of Known
}

// below reads a root and the directories below it, level by level.
func (s *pathScan) below(root string) {
	level, left := []string{root}, s.Most
	for depth := 0; depth <= s.Depth && len(level) > 0; depth++ {
		var next []string
		for _, dir := range level {
			if s.Skip != nil && s.Skip(dir) {
				continue
			}
			dirs, read, cut := s.directory(root, dir, min(left, s.MostIn))
			next, left = append(next, dirs...), left-read
			switch {
			case cut && read == s.MostIn:
				s.Cut = append(s.Cut, dir)
			case cut:
				s.Cut = append(s.Cut, root)
				return
			}
		}
		level = next
	}
}

// open opens a directory below a root. No part of its path below the root may be a link: another user may put a link
// there meanwhile.
func open(root, dir string) (fd int, err error) {
	const flags = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	names := []string{root}
	if dir != root {
		names = append(names, strings.Split(strings.TrimPrefix(dir, strings.TrimSuffix(root, "/")+"/"), "/")...)
	}
	fd = unix.AT_FDCWD
	for i, name := range names {
		at, access := fd, unix.O_PATH
		if i == len(names)-1 {
			access = unix.O_RDONLY | unix.O_NOATIME
		}
		fd, err = unix.Openat(at, name, flags|access, 0)
		if err == unix.EPERM { // O_NOATIME is for the owner
			fd, err = unix.Openat(at, name, flags|unix.O_RDONLY, 0)
		}
		if i > 0 {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
	}
	return fd, nil
}

// directory reads at most a number of entries of a directory. It returns the directories in it, the number of entries
// that it read, and whether there are more.
func (s *pathScan) directory(root, path string, most int) (dirs []string, read int, cut bool) {
	if dirs, read, ok := s.again(path, most); ok {
		return dirs, read, false
	}
	fd, err := open(root, path)
	if err != nil {
		if !sys.Gone(err) && err != unix.ELOOP && err != unix.ENOTDIR { // a link, or another file, took the name
			s.Unread = append(s.Unread, path)
		}
		return nil, 0, false
	}
	defer unix.Close(fd)
	list := NewLister(fd)
	k := &knownDir{}
	state, keep := stateOf(fd, s.now)
	err = sys.EachTyped(fd, s.buf, func(typ uint8, entry []byte) bool {
		if cut = read == most; cut {
			return false
		}
		read++
		name := string(entry[:len(entry)-1])
		switch typ {
		case unix.DT_DIR: // Skip comes before any stat of the directory: a dead server below would not answer
			dirs = append(dirs, filepath.Join(path, name))
		case unix.DT_FIFO, unix.DT_SOCK, unix.DT_UNKNOWN:
			k.special = append(k.special, specialEntry{typ, name})
			keep = keep && typ != unix.DT_UNKNOWN
			if s.file(list, typ, name, path) {
				dirs = append(dirs, filepath.Join(path, name))
			}
		}
		return true
	})
	if err != nil {
		s.Unread = append(s.Unread, path)
	} else if keep && !cut {
		k.state, k.dirs, k.read = state, dirs, read
		s.remember(path, k)
	}
	return dirs, read, cut
}

// file keeps a FIFO or a socket. It reports whether the entry may be a directory.
func (s *pathScan) file(list Lister, typ uint8, name, path string) (isDir bool) {
	f, err := list.Stat(typ, name)
	switch {
	case err == ErrOtherMount:
		return typ == unix.DT_UNKNOWN // Skip knows the mounts
	case err != nil:
	case f.Mode.IsDir():
		return true
	case f.Mode.Type() == fs.ModeNamedPipe, f.Mode.Type() == fs.ModeSocket:
		f.Name = filepath.Join(path, name)
		s.Files = append(s.Files, f)
	}
	return false
}
