package leaks

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// Programs leave files behind: FIFOs that nobody has open, and paths that no UNIX socket is bound to. The kernel has no
// list of them, so ipctop searches the directories of the running system.

// The needs to find these files and their users.
const (
	fifoLeakNeeds = kinds.PipeNeeds | proc.NeedSyscall | NeedPaths
	unixLeakNeeds = kinds.HolderNeeds | proc.NeedNamespaces | NeedPaths
)

// runtimeDirs lists the directories where programs of the running system make FIFOs and sockets.
func runtimeDirs() []string { return []string{"/dev/shm", "/run", "/var/run", "/tmp", "/var/tmp"} }

// The limits of the search. A runtime directory stays within them; only other trees are deeper or larger. Each runtime
// directory has a limit of its own: a full /tmp does not hide /dev/shm.
const (
	runtimeDepth   = 5       // levels of directories
	runtimeEntries = 100_000 // files below a runtime directory
	runtimeInOne   = 50_000  // files in one directory
)

// staleNote holds an object's file without users.
var staleNote = schema.NewNote[staleFile]()

// staleFile is a FIFO or socket file without users.
type staleFile struct {
	vfs.PosixFile
	moved bool         // other users may replace a directory of its path
	age   schema.Value // the time since its last use
}

// lastUse returns the latest recorded moment of a file. A write to a FIFO sets its mtime, a read its atime.
func (s *staleFile) lastUse() time.Time {
	last := s.MTime
	for _, t := range []time.Time{s.CTime, s.ATime} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// StaleFile returns the file of an object without users: a FIFO that nobody has open, or a path that no socket is bound
// to. ok is false for all other objects.
func StaleFile(o *schema.Object) (file vfs.PosixFile, ok bool) {
	if s := staleNote.Of(o); s != nil {
		return s.PosixFile, true
	}
	return vfs.PosixFile{}, false
}

// staleColumns returns the age column for kinds that have files without users.
func staleColumns(kind schema.Kind) []schema.Column {
	help := map[schema.Kind]string{
		schema.Fifo: "of a FIFO that nobody has open, time since it was last used or changed",
		schema.Unix: "of a path that no socket is bound to, time since it was made or changed",
	}[kind]
	if help == "" {
		return nil
	}
	return []schema.Column{{ID: "age", Type: schema.TypeDuration, Width: 7, Needs: NeedPaths, Help: help,
		Get: func(o *schema.Object) schema.Value {
			if s := staleNote.Of(o); s != nil {
				return s.age
			}
			return schema.None(schema.TypeDuration)
		}}}
}

// removal returns the shell command that removes the file. If other users may replace a directory of its path by a
// link, rm could remove another file with the same name. find opens the directory and removes only a file there with
// this type and inode number.
func (s *staleFile) removal() string {
	if !s.moved {
		return "rm -- " + schema.ShellQuote(s.Name)
	}
	typ := "p"
	if s.Mode.Type() == fs.ModeSocket {
		typ = "s"
	}
	return fmt.Sprintf("find %s -maxdepth 1 -type %s -inum %d -delete", schema.ShellQuote(path.Dir(s.Name)), typ, s.Ino)
}

// runtimePaths holds the FIFOs and sockets of the runtime directories.
type runtimePaths struct {
	files []vfs.PosixFile
	moved map[string]bool // by directory: other users may replace a directory of the path
}

// note notes that an object is a file without users.
func (p *runtimePaths) note(o *schema.Object, file vfs.PosixFile, now time.Time) {
	dir := path.Dir(file.Name)
	moved, known := p.moved[dir]
	if !known {
		moved = vfs.OthersMayMove(dir)
		p.moved[dir] = moved
	}
	s := &staleFile{PosixFile: file, moved: moved}
	s.age = schema.Duration(max(0, now.Sub(s.lastUse())).Truncate(time.Second))
	staleNote.Set(o, s)
}

// runtimeFiles searches the runtime directories.
func (l *tick) runtimeFiles() *runtimePaths {
	paths := &runtimePaths{moved: map[string]bool{}}
	if !l.Host.Live() {
		return paths
	}
	all, err := l.Mounts()
	if err != nil { // a search could hang on the mount of a dead server
		l.Fault("paths", fmt.Errorf("stale FIFOs and sockets are not looked for: %w", err))
		return paths
	}
	mounts := proc.MountPoints(all)
	found := l.Host.SpecialFiles(vfs.PathScan{Roots: runtimeDirs(), Depth: runtimeDepth,
		Most: runtimeEntries, MostIn: runtimeInOne,
		Known: *proc.KeepWhileUsed(l.Tick, func() vfs.KnownDirs { return vfs.KnownDirs{} }),
		Skip:  func(dir string) bool { return proc.MayHangBelow(mounts, dir) }})
	paths.files = found.Files
	seen := map[proc.FileID]bool{} // a file may have two names, or its directory two mounts
	paths.files = slices.DeleteFunc(paths.files, func(file vfs.PosixFile) bool {
		id := proc.FileID{Dev: file.Dev, Ino: file.Ino}
		again := seen[id]
		seen[id] = true
		return again
	})
	if n := len(found.Unread); n > 0 {
		l.AddFault(schema.Fault{Source: "paths", Denied: true, Count: n,
			Says: schema.Counted(n, "directory") +
				" of the running system could not be read: stale FIFOs and sockets there are not shown"})
	}
	if len(found.Cut) > 0 {
		l.AddFault(schema.Fault{Source: "paths", Says: cutSays(found.Cut)})
	}
	return paths
}

// cutSays names the directories that hold more files than the search reads.
func cutSays(dirs []string) string {
	const most = 3
	named := strings.Join(dirs[:min(len(dirs), most)], ", ")
	if n := len(dirs) - most; n > 0 {
		named += " and " + schema.Counted(n, "more directory")
	}
	return fmt.Sprintf("%s %s more than %d files, or more than %d below: stale FIFOs and sockets among the "+
		"rest are not shown", named, schema.Plural(len(dirs), "holds", "hold"), runtimeInOne, runtimeEntries)
}

// addStale lists the files without users of one kind, if they were asked for. objects are the objects in use.
func addStale(t *proc.Tick, kind schema.Kind, objects []*schema.Object) []*schema.Object {
	if !t.Needs.Has(NeedPaths|verdictNeeds) || !t.Wants(kind, NeedPaths) && t.Detail.Kind != kind {
		return nil
	}
	switch kind {
	case schema.Fifo:
		return tickOf(t).staleFIFOs(objects)
	case schema.Unix:
		return tickOf(t).staleSockets(objects)
	}
	return nil
}

// fifoEvidence gathers the evidence on a FIFO.
func (l *tick) fifoEvidence(o *schema.Object, r *kinds.PipeRow) relate.Evidence {
	if r.File != nil {
		e, coverage := l.pathEvidence(o, r.File)
		e.AllUsers = l.unused("nobody has it open or waits to: the descriptors and system calls of every "+
			"process were read",
			coverage, l.open(), l.calls(), l.fifoOpeners())
		return e
	}
	return relate.Evidence{AllUsers: relate.Coverage{Complete: l.open().Complete},
		Users: append(l.waiterUsers(r.Waits), l.openers(r.Uses, "has it open")...)}
}

// openers lists the processes that have the descriptors uses, each once.
func (l *tick) openers(uses []proc.FDUse, how string) []relate.User {
	var users []relate.User
	seen := map[*proc.Process]bool{}
	for _, u := range uses {
		if !seen[u.Process] {
			seen[u.Process] = true
			users = append(users, l.user(u.Process, how))
		}
	}
	return users
}

// staleFIFOs lists the FIFOs that no process has open.
func (l *tick) staleFIFOs(open []*schema.Object) []*schema.Object {
	used := map[proc.FileID]bool{}
	for _, o := range open {
		used[o.Row.(*kinds.PipeRow).ID] = true
	}
	var objects []*schema.Object
	for i := range l.paths().files {
		file := &l.paths().files[i]
		if file.Mode.Type() != fs.ModeNamedPipe || used[proc.FileID{Dev: file.Dev, Ino: file.Ino}] {
			continue
		}
		o := kinds.ClosedFIFO(l.Tick, file)
		l.paths().note(o, *file, l.Now)
		objects = append(objects, o)
	}
	return objects
}

// openersCoverage tells if the FIFO is known for all processes that wait in an open(2) of a FIFO.
func (l *tick) openersCoverage() relate.Coverage {
	l.calls() // it also finds the processes whose io_uring opens a FIFO: those have no system call
	coverage := relate.Coverage{Complete: true}
	var list []*proc.Process
	for _, p := range l.Processes() {
		if p.OpensFIFO || l.factsOf(p).opens {
			list = append(list, p)
		}
	}
	if len(list) > 0 {
		coverage.MarkIncomplete("which FIFO these wait to open cannot be told, it may be this one: " + pidList(list))
	}
	return coverage
}

// pathEvidence gathers the common evidence on a FIFO or socket file. It also returns the proof that all processes that
// can reach the file are visible.
func (l *tick) pathEvidence(o *schema.Object, file *vfs.PosixFile) (relate.Evidence, relate.Coverage) {
	coverage := l.fileCoverage(file.Name)
	e := l.evidence(coverage, nil, staleNote.Of(o).lastUse(), file.UID)
	s := software.SubjectOf(l.Tick, o)
	l.protect(&e, s)
	l.protectFIFO(&e, s)
	return e, coverage
}

// socketEvidence gathers the evidence on a bound socket, or on a socket file without one.
func (l *tick) socketEvidence(o *schema.Object, r *kinds.UnixRow) relate.Evidence {
	if r.File != nil {
		e, coverage := l.pathEvidence(o, r.File)
		e.AllUsers = l.unused("no socket is bound to it, in any network namespace", coverage, *boundNote.Of(o))
		return e
	}
	e := relate.Evidence{Users: l.openers(r.Uses, "has its socket open")}
	if len(e.Users) == 0 {
		e.Users = []relate.User{{Who: "a socket", How: "is bound to it; who has that open cannot be seen"}}
	}
	return e
}
