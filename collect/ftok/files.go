package ftok

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// NeedKeyFiles is the need of stat of the files and directories of the owner's processes.
const NeedKeyFiles schema.Need = 1 << 26

// What a process may have given to ftok: where it stands, what it runs, what it has open, what it was told, and what
// lies beside that.

const (
	processFilesMost = 8192 // files of one process
	listedMost       = 1024 // entries of one directory
	argumentsMost    = 256  // words of a command line
	shortestStem     = 3    // letters that a name in /etc has to share with the program
)

// processFile is a file that a process knows.
type processFile struct {
	id   proc.FileID
	path string // as the process knows it; untrusted bytes
	how  string // "working directory", "open as fd 3", …
}

// processFiles are the files of one process, each once, by the first way that led to it.
type processFiles struct {
	start   uint64
	cpu     int64
	list    []processFile
	passed  []string // paths that may hang
	refused error    // why it could not be looked into
}

// fileLook collects the files of one process.
type fileLook struct {
	dir   process.Dir
	hangs func([]byte) bool
	root  string // of a process in a chroot, as we see it; else ""
	seen  map[proc.FileID]bool
	processFiles
}

// keyFiles are the files of a process. Those of one that has not run since are those of the last time.
func keyFiles(t *proc.Tick, p *proc.Process) processFiles {
	cpu, cpuErr := process.CPUTime(p.PID)
	if old, ok := keptFiles(t)[p.PID]; ok && cpuErr == nil && old.start == p.Start && old.cpu == cpu {
		return old
	}
	dir, err := t.Host.OpenProc(p.Living())
	if err != nil {
		return processFiles{}
	}
	defer dir.Close()
	l := fileLook{dir: dir, hangs: t.Hangs(dir), seen: map[proc.FileID]bool{}}
	l.start, l.cpu = p.Start, cpu
	l.look(p)
	if cpuErr == nil {
		keptFiles(t)[p.PID] = l.processFiles
	}
	return l.processFiles
}

func (l *fileLook) look(p *proc.Process) {
	cwd, err := l.dir.Readlink("cwd")
	if err != nil {
		if !sys.Gone(err) {
			l.refused = err
		}
		return
	}
	if root, err := l.dir.Readlink("root"); err == nil && root != "/" {
		l.root = root
	}
	l.arguments(cwd)
	l.link("cwd", cwd, "working directory")
	exe := l.linkOf("exe", "program")
	parents := l.descriptors()
	l.mapped()
	l.link("root", "/", "root directory")
	for _, parent := range parents {
		l.named(parent, "directory of an open file")
	}
	if exe != "" {
		l.named(path.Dir(exe), "directory of its program")
	}
	if cwd != "/" {
		l.entries(l.inside(cwd), "in its working directory")
	}
	l.configuration(p.Comm)
}

// inside is a path that the kernel showed us, from the process's root directory on: what lies in a chroot we see from
// ours.
func (l *fileLook) inside(path string) string {
	if rest, ok := strings.CutPrefix(path, l.root); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return path
}

func (l *fileLook) add(id proc.FileID, path, how string) {
	if l.seen[id] || len(l.list) >= processFilesMost {
		return
	}
	l.seen[id] = true
	l.list = append(l.list, processFile{id, path, how})
}

// link adds what a link of /proc/PID leads to, which the kernel shows as path.
func (l *fileLook) link(name, path, how string) {
	if l.hangs([]byte(path)) {
		l.passed = append(l.passed, path)
		return
	}
	if file, err := l.dir.StatLink(name); err == nil {
		l.add(proc.FileID{Dev: file.Dev, Ino: file.Ino}, path, how)
	}
}

// linkOf is link for a path that is not read yet; it gives it from the process's root directory on, "" where there is
// none any more.
func (l *fileLook) linkOf(name, how string) string {
	path, err := l.dir.Readlink(name)
	if err != nil {
		return ""
	}
	l.link(name, path, how)
	if strings.HasSuffix(path, proc.DeletedSuffix) {
		return ""
	}
	return l.inside(path)
}

// named adds a file by its path, from the process's root directory on, and says where it is in the end. Symbolic
// links are followed where that cannot hang, those too that lie where the kernel's path leads in another mount
// namespace. Files of /proc and /sys are no use: "self" is us there.
func (l *fileLook) named(path, how string) (string, bool) {
	useless := false
	real, err := l.dir.RealPath(path, func(path []byte) bool {
		useless = pseudo(string(path))
		return useless || l.hangs(path)
	})
	if err != nil {
		if errors.Is(err, process.ErrMayHang) && !useless {
			l.passed = append(l.passed, path)
		}
		return "", false
	}
	id, err := l.dir.StatPath(real)
	if err != nil {
		return "", false
	}
	l.add(proc.FileID{Dev: id.Dev, Ino: id.Ino}, path, how)
	return real, id.IsDir()
}

func pseudo(path string) bool {
	return path == "/proc" || path == "/sys" || strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/")
}

// arguments adds what the command line names, alone or behind "--option=".
func (l *fileLook) arguments(cwd string) {
	text, err := l.dir.Read("cmdline", nil)
	if err != nil {
		return
	}
	for i, arg := range strings.SplitN(string(text), "\x00", argumentsMost+1) {
		if i == argumentsMost {
			break
		}
		for _, word := range []string{arg, arg[strings.IndexByte(arg, '=')+1:]} {
			if word == "" || len(word) >= 4096 { // PATH_MAX
				continue
			}
			if !path.IsAbs(word) {
				word = path.Join(l.inside(cwd), word)
			}
			l.named(word, "argument")
		}
	}
}

// descriptors adds what is open, and gives the directories that it lies in.
func (l *fileLook) descriptors() (parents []string) {
	_ = l.dir.FDs(make([]byte, 32<<10),
		func(d *process.FDDir, num int, target []byte) { // what is refused was refused above
			if target[0] != '/' || len(l.list) >= processFilesMost {
				return
			}
			if l.hangs(target) {
				l.passed = append(l.passed, string(target))
				return
			}
			id, err := d.Stat(target)
			if err != nil {
				return
			}
			name := string(target)
			l.add(proc.FileID{Dev: id.Dev, Ino: id.Ino}, name, fmt.Sprintf("open as fd %d", num))
			if strings.HasSuffix(name, proc.DeletedSuffix) || id.IsDir() {
				return
			}
			if parent := path.Dir(l.inside(name)); !slices.Contains(parents, parent) {
				parents = append(parents, parent)
			}
		})
	return parents
}

func (l *fileLook) mapped() {
	paths, err := l.dir.MappedPaths(nil)
	if err != nil {
		return
	}
	for _, p := range paths {
		l.named(l.inside(p), "mapped")
	}
}

// Entries adds what lies in a directory, from the process's root directory on.
func (l *fileLook) entries(dir, how string) {
	dir, err := l.dir.RealPath(dir, l.hangs)
	if err != nil {
		return // one that may hang was counted with the directory itself
	}
	var inner []string
	err = l.dir.EachEntry(dir, listedMost, func(name string) bool { return l.hangs([]byte(path.Join(dir, name))) },
		func(name string, id vfs.FileID) {
			full := path.Join(dir, name)
			if id.IsLink() {
				inner = append(inner, full)
				return
			}
			l.add(proc.FileID{Dev: id.Dev, Ino: id.Ino}, full, how)
		})
	if err != nil {
		return
	}
	for _, full := range inner {
		l.named(full, how)
	}
}

// configuration adds what /etc has under the program's name: "zabbix_server" has /etc/zabbix_server.conf, and
// /etc/zabbix with what is in it.
func (l *fileLook) configuration(comm string) {
	stem := comm[:len(comm)-len(strings.TrimLeft(comm, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))]
	if len(stem) < shortestStem {
		return
	}
	etc, err := l.dir.RealPath("/etc", l.hangs)
	if err != nil {
		return
	}
	var found []string
	other := func(name string) bool { return !strings.HasPrefix(name, stem) || l.hangs([]byte(path.Join(etc, name))) }
	_ = l.dir.EachEntry(etc, listedMost, other,
		func(name string, _ vfs.FileID) { // an /etc that cannot be read holds nothing for us
			found = append(found, "/etc/"+name)
		})
	for _, full := range found {
		if real, isDir := l.named(full, "configuration"); isDir {
			l.entries(real, "configuration")
		}
	}
}

// Needs are what looking for the files of keys takes.
const Needs = proc.NeedMounts | proc.NeedProcs | proc.NeedStatus | NeedKeyFiles
