package vfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// KnownDirs holds directories that SpecialFiles read before, by path. SpecialFiles reads a directory again only if its
// times changed: an entry that comes or goes changes them (man 7 inode). A FIFO or socket in it gets a stat each time.
type KnownDirs map[string]*knownDir

type knownDir struct {
	state   dirState
	dirs    []string
	special []specialEntry
	read    int // number of entries
}

// specialEntry is a FIFO or a socket in a directory.
type specialEntry struct {
	typ  uint8
	name string
}

// dirState changes with every change of a directory's entries.
type dirState struct {
	dev, ino     uint64
	mtime, ctime unix.Timespec
}

// settled is the age of a change after which a later change must get other times. Coarse clocks count 10 milliseconds.
const settled = 3 * time.Second

// stateOf is the state of an open directory. ok is false if a change of the entries may leave the state as it is: on a
// file system of unknown habits, or right after another change.
func stateOf(fd int, now time.Time) (state dirState, ok bool) {
	var st unix.Stat_t
	var fs unix.Statfs_t
	if unix.Fstat(fd, &st) != nil || unix.Fstatfs(fd, &fs) != nil {
		return dirState{}, false
	}
	switch fs.Type {
	case unix.TMPFS_MAGIC, unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
	default:
		return dirState{}, false
	}
	state = dirState{st.Dev, st.Ino, st.Mtim, st.Ctim}
	for _, changed := range []unix.Timespec{st.Mtim, st.Ctim} {
		if now.Sub(time.Unix(changed.Unix())) < settled {
			return state, false
		}
	}
	return state, true
}

// known returns a directory as it was read before, and opens it, if it has not changed since.
func (s *pathScan) known(path string) (k *knownDir, fd int) {
	k = s.Known[path]
	if k == nil {
		return nil, -1
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err != nil { // before Linux 5.6 there is no such call
		return nil, -1
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || k.state != (dirState{st.Dev, st.Ino, st.Mtim, st.Ctim}) {
		unix.Close(fd)
		return nil, -1
	}
	return k, fd
}

// again gives what a known directory holds. It may have at most a number of entries.
func (s *pathScan) again(path string, most int) (dirs []string, read int, ok bool) {
	k, fd := s.known(path)
	if k == nil {
		return nil, 0, false
	}
	defer unix.Close(fd)
	if k.read > most {
		return nil, 0, false
	}
	list := NewLister(fd)
	for _, entry := range k.special {
		s.file(list, entry.typ, entry.name, path)
	}
	s.visited[path] = true
	return k.dirs, k.read, true
}

// remember keeps a directory for the next time.
func (s *pathScan) remember(path string, k *knownDir) {
	if s.Known != nil {
		s.Known[path], s.visited[path] = k, true
	}
}

// forgetOthers drops the directories that are gone.
func (s *pathScan) forgetOthers() {
	for path := range s.Known {
		if !s.visited[path] {
			delete(s.Known, path)
		}
	}
}
