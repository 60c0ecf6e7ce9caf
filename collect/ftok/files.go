package ftok

import (
	"fmt"
	"path"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// NeedKeyFiles is the need of stat of the files and directories of the owners' processes.
const NeedKeyFiles schema.Need = 1 << 26

// A process may have given any of its files to ftok: its working directory, its program, its open files and its
// arguments. The files beside those count, too.

const (
	processFilesMost = 8192 // files of one process
	listedMost       = 1024 // entries of one directory
	argumentsMost    = 256  // words of a command line
	shortestStem     = 3    // letters that a name in /etc must share with the program's name
)

// processFile is a file that a process knows.
type processFile struct {
	id   proc.FileID
	path string // as the process knows it; untrusted bytes
	how  string // "working directory", "open as fd 3", …
}

// processFiles are the files of one process. Each file is there once, with the first way that led to it.
type processFiles struct {
	start   uint64
	cpu     int64
	list    []processFile
	skipped []string // paths where a stat may hang
	refused error    // the error if the process could not be read
}

// fileSearch collects the files of one process.
type fileSearch struct {
	dir   process.Dir
	hangs func([]byte) bool
	root  string // root directory of a process in a chroot, as a path of ours; else ""
	seen  map[proc.FileID]bool
	// descriptors that lead to no path; see proc.Pathless
	pathless map[int32]bool
	paths    *rootPaths
	processFiles
}

// keyFiles returns the files of a process. If the process has not run since the last search, it returns the same files
// again.
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
	l := fileSearch{dir: dir, hangs: t.Hangs(dir), seen: map[proc.FileID]bool{}, pathless: t.Pathless(p)}
	l.start, l.cpu = p.Start, cpu
	l.search(t, p)
	if cpuErr == nil {
		keptFiles(t)[p.PID] = l.processFiles
	}
	return l.processFiles
}

func (l *fileSearch) search(t *proc.Tick, p *proc.Process) {
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
	l.paths = l.pathsOfRoot(t)
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

// inside turns a path from the kernel into a path below the process's root directory. The kernel shows paths in a
// chroot from our root directory.
func (l *fileSearch) inside(path string) string {
	if rest, ok := strings.CutPrefix(path, l.root); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return path
}

func (l *fileSearch) add(id proc.FileID, path, how string) {
	if l.seen[id] || len(l.list) >= processFilesMost {
		return
	}
	l.seen[id] = true
	l.list = append(l.list, processFile{id, path, how})
}

// link adds the file behind a link of /proc/PID. path is the text of the link.
func (l *fileSearch) link(name, path, how string) {
	if l.hangs([]byte(path)) {
		l.skipped = append(l.skipped, path)
		return
	}
	if file, err := l.dir.StatLink(name); err == nil {
		l.add(proc.FileID{Dev: file.Dev, Ino: file.Ino}, path, how)
	}
}

// linkOf reads a link of /proc/PID and adds the file behind it. It returns the file's path below the process's root
// directory, or "" if the file has no path any more.
func (l *fileSearch) linkOf(name, how string) string {
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

// named adds a file by its path below the process's root directory. It returns the path with all symbolic links
// resolved.
func (l *fileSearch) named(path, how string) (string, bool) {
	file := l.paths.named[path]
	if file == nil {
		file = l.resolve(path)
		if file.settled() || l.lives() {
			l.paths.named[path] = file
		}
	}
	if file.hangs {
		l.skipped = append(l.skipped, path)
	}
	if file.real == "" {
		return "", false
	}
	l.add(file.id, path, how)
	return file.real, file.isDir
}

func pseudo(path string) bool {
	return path == "/proc" || path == "/sys" || strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/")
}

// arguments adds the files in the command line. A path may be a whole argument or the part after "--option=".
func (l *fileSearch) arguments(cwd string) {
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

// descriptors adds the open files, and returns their directories.
func (l *fileSearch) descriptors() (parents []string) {
	known := map[string]bool{}
	_ = l.dir.FDsBut(l.pathless, make([]byte, 32<<10),
		func(d *process.FDDir, num int, target []byte) { // an error here was an error of cwd, too: see search
			if target[0] != '/' || len(l.list) >= processFilesMost {
				return
			}
			if l.hangs(target) {
				l.skipped = append(l.skipped, string(target))
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
			if parent := path.Dir(l.inside(name)); !known[parent] {
				known[parent] = true
				parents = append(parents, parent)
			}
		})
	return parents
}

func (l *fileSearch) mapped() {
	paths, err := l.dir.MappedPaths(nil)
	if err != nil {
		return
	}
	for _, p := range paths {
		l.named(l.inside(p), "mapped")
	}
}

// entries adds the files in a directory below the process's root directory.
func (l *fileSearch) entries(dir, how string) {
	list, ok := l.paths.entries[dir]
	if !ok {
		if list, ok = l.readDirectory(dir); ok || l.lives() {
			l.paths.entries[dir] = list
		}
	}
	for _, e := range list {
		if !e.link {
			l.add(e.id, e.path, how)
		}
	}
	for _, e := range list {
		if e.link {
			l.named(e.path, how)
		}
	}
}

// configuration adds the files in /etc with the program's name. For "zabbix_server" these are
// /etc/zabbix_server.conf, and /etc/zabbix with its files.
func (l *fileSearch) configuration(comm string) {
	stem := comm[:len(comm)-len(strings.TrimLeft(comm,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))]
	if len(stem) < shortestStem {
		return
	}
	found, ok := l.paths.configuration[stem]
	if !ok {
		if found, ok = l.listConfiguration(stem); ok || l.lives() {
			l.paths.configuration[stem] = found
		}
	}
	for _, full := range found {
		if real, isDir := l.named(full, "configuration"); isDir {
			l.entries(real, "configuration")
		}
	}
}

// Needs are the needs to find the files of keys.
const Needs = proc.NeedMounts | proc.NeedProcs | proc.NeedStatus | NeedKeyFiles
