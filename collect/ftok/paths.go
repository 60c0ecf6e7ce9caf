package ftok

import (
	"errors"
	"path"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
)

// Processes with the same root directory reach the same files by the same paths: their programs, libraries and
// directories. Each path is looked at once a tick for all of them.

// rootPaths holds what paths below one root directory lead to.
type rootPaths struct {
	named         map[string]*namedFile
	entries       map[string][]entry  // by directory
	configuration map[string][]string // the paths in /etc, by the letters with which their names begin
}

// namedFile is what a path leads to. real is "" if the path leads to no file that counts.
type namedFile struct {
	real  string // the path with all symbolic links resolved
	id    proc.FileID
	isDir bool
	hangs bool // the path was not looked at: a stat may hang
	other bool // it is a file of /proc or /sys
}

// settled reports whether the file was found, or left out by the text of its path.
func (f *namedFile) settled() bool { return f.real != "" || f.hangs || f.other }

// entry is a file in a directory.
type entry struct {
	path string
	id   proc.FileID
	link bool
}

// pathsByRoot holds the rootPaths of this tick.
type pathsByRoot map[process.RootID]*rootPaths

// pathsOfRoot returns what other processes with the same root directory have found. If the directory cannot be told
// from others, the process has a rootPaths of its own.
func (l *fileSearch) pathsOfRoot(t *proc.Tick) *rootPaths {
	fresh := &rootPaths{map[string]*namedFile{}, map[string][]entry{}, map[string][]string{}}
	if l.hangs([]byte("/")) || l.root != "" && l.hangs([]byte(l.root)) {
		return fresh
	}
	id, ok := l.dir.RootID()
	if !ok {
		return fresh
	}
	all := proc.Memo(t, func(*proc.Tick) pathsByRoot { return pathsByRoot{} })
	if all[id] == nil {
		all[id] = fresh
	}
	return all[id]
}

// lives reports whether the process still shows its root directory. If it does, a failure is one of the path, and other
// processes fail in the same way.
func (l *fileSearch) lives() bool {
	if l.hangs([]byte("/")) {
		return false
	}
	_, err := l.dir.StatPath("/")
	return err == nil
}

// resolve follows a path. A symbolic link is followed only if that cannot hang. The link may even lead into another
// mount namespace. Files of /proc and /sys are skipped, since "self" would be our own process there.
func (l *fileSearch) resolve(path string) *namedFile {
	file := &namedFile{}
	real, err := l.dir.RealPath(path, func(path []byte) bool {
		file.other = pseudo(string(path))
		return file.other || l.hangs(path)
	})
	if err != nil {
		file.hangs = errors.Is(err, vfs.ErrMayHang) && !file.other
		return file
	}
	id, err := l.dir.StatPath(real)
	if err != nil {
		return file
	}
	file.real, file.id, file.isDir = real, proc.FileID{Dev: id.Dev, Ino: id.Ino}, id.IsDir()
	return file
}

// readDirectory lists a directory below the process's root directory. ok is false if it could not be read.
func (l *fileSearch) readDirectory(dir string) (list []entry, ok bool) {
	dir, err := l.dir.RealPath(dir, l.hangs)
	if err != nil {
		return nil, false // named has already counted a directory that may hang
	}
	err = l.dir.EachEntry(dir, listedMost, func(name string) bool { return l.hangs([]byte(path.Join(dir, name))) },
		func(name string, id vfs.FileID) {
			list = append(list, entry{path.Join(dir, name), proc.FileID{Dev: id.Dev, Ino: id.Ino}, id.IsLink()})
		})
	if err != nil { // the links of a directory that was read in part are not followed
		kept := list[:0]
		for _, e := range list {
			if !e.link {
				kept = append(kept, e)
			}
		}
		list = kept
	}
	return list, err == nil
}

// listConfiguration lists the paths in /etc whose names begin with stem. An unreadable /etc has no files for us.
func (l *fileSearch) listConfiguration(stem string) (found []string, ok bool) {
	etc, err := l.dir.RealPath("/etc", l.hangs)
	if err != nil {
		return nil, false
	}
	other := func(name string) bool { return !strings.HasPrefix(name, stem) || l.hangs([]byte(path.Join(etc, name))) }
	err = l.dir.EachEntry(etc, listedMost, other,
		func(name string, _ vfs.FileID) { found = append(found, "/etc/"+name) })
	return found, err == nil
}
