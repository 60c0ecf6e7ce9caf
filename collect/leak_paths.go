package collect

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// FIFOs that nobody has open, and paths that no UNIX socket is bound to: files that their programs left. Nothing lists them but their
// directories, of which those of the running system are looked through.

// What it takes to find them and to tell who uses them.
const (
	fifoLeakNeeds = pipeNeeds | schema.NeedSyscall | schema.NeedPaths
	unixLeakNeeds = holderNeeds | schema.NeedNamespaces | schema.NeedPaths
)

// runtimeDirs are where programs of the running system make FIFOs and sockets.
func runtimeDirs() []string { return []string{"/run", "/var/run", "/tmp", "/var/tmp", "/dev/shm"} }

// How far the directories are looked through: more is found in trees that are no runtime directories.
const (
	runtimeDepth   = 5
	runtimeEntries = 20000
)

// staleFile is such a file. nil is none.
type staleFile struct {
	kernel.PosixFile
	moved bool // others may put another directory into its path
}

// lastUse is the latest moment that a file records: writing a FIFO sets its mtime, reading it its atime.
func (s *staleFile) lastUse() time.Time {
	last := s.MTime
	for _, t := range []time.Time{s.CTime, s.ATime} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

func (s *staleFile) age(now time.Time) schema.Value {
	if s == nil {
		return schema.None(schema.TypeDuration)
	}
	return schema.Duration(max(0, now.Sub(s.lastUse())).Truncate(time.Second))
}

// staleOf is the file of an object that is such a file; nil of every other.
func staleOf(o *schema.Object) *staleFile {
	switch r := o.Row.(type) {
	case *pipeRow:
		return r.file
	case *unixRow:
		return r.file
	}
	return nil
}

// removal is the shell command that removes it. Where others may make a link to elsewhere of a directory in its path, rm could remove what has
// the same name there: find opens the directory and removes a file of this type and number in that, or nothing.
func (s *staleFile) removal() string {
	if !s.moved {
		return "rm -- " + ShellQuote(s.Name)
	}
	typ := "p"
	if s.Mode.Type() == fs.ModeSocket {
		typ = "s"
	}
	return fmt.Sprintf("find %s -maxdepth 1 -type %s -inum %d -delete", ShellQuote(path.Dir(s.Name)), typ, s.Ino)
}

// runtimePaths are the FIFOs and sockets of the runtime directories.
type runtimePaths struct {
	files []kernel.PosixFile
	moved map[string]bool // directories: whether others may put another one into the path
}

// stale is a file among them.
func (p *runtimePaths) stale(file kernel.PosixFile) *staleFile {
	dir := path.Dir(file.Name)
	moved, known := p.moved[dir]
	if !known {
		moved = kernel.OthersMayMove(dir)
		p.moved[dir] = moved
	}
	return &staleFile{file, moved}
}

// runtimeFiles looks through the directories once a tick.
func (f *Facts) runtimeFiles() *runtimePaths {
	l := f.leaking()
	if l.paths != nil {
		return l.paths
	}
	l.paths = &runtimePaths{moved: map[string]bool{}}
	if !f.Host.Live() {
		return l.paths
	}
	all, err := f.mounts()
	if err != nil { // without them nothing tells where a dead server would hang the look
		f.Fault("paths", fmt.Errorf("stale FIFOs and sockets are not looked for: %w", err))
		return l.paths
	}
	mounts := make([]mount, 0, len(all))
	for _, m := range all {
		mounts = append(mounts, mount{m.point, mayHang(m.FSType)})
	}
	mounts = sortMounts(mounts)
	var unread []string
	var full bool
	l.paths.files, unread, full = f.Host.SpecialFiles(kernel.PathScan{Roots: runtimeDirs(), Depth: runtimeDepth, Most: runtimeEntries,
		Skip: func(dir string) bool { return mayHangBelow(mounts, dir) }})
	seen := map[FileID]bool{} // one file under two names, or one directory mounted twice
	l.paths.files = slices.DeleteFunc(l.paths.files, func(file kernel.PosixFile) bool {
		id := FileID{file.Dev, file.Ino}
		again := seen[id]
		seen[id] = true
		return again
	})
	if len(unread) > 0 {
		f.faults = append(f.faults, schema.Fault{Source: "paths", Denied: true, Count: len(unread),
			Says: several(len(unread), "directory", "directories") + " of the running system could not be read (permission denied): stale FIFOs and sockets there are not shown"})
	}
	if full {
		f.faults = append(f.faults, schema.Fault{Source: "paths", Says: fmt.Sprintf("%s hold more than %d files: stale FIFOs and sockets among the rest are not shown",
			strings.Join(runtimeDirs(), ", "), runtimeEntries)})
	}
	return l.paths
}

// wantsPaths says whether files without users are to be listed.
func (f *Facts) wantsPaths(kind schema.Kind) bool {
	return f.Needs.Has(schema.NeedPaths|leakNeeds) && (f.Wants(kind, schema.NeedPaths) || f.detail.Kind == kind)
}

// fifoEvidence is that of a FIFO that somebody has open or waits to open.
func (f *Facts) fifoEvidence(_ schema.Ref, r *pipeRow) relate.Evidence {
	e := relate.Evidence{AllUsers: relate.Sight{Complete: f.openSight().Complete}, Users: f.waiting(r.waits)}
	for _, u := range r.uses {
		if user := f.user(u.Process, "has it open"); !slices.Contains(e.Users, user) {
			e.Users = append(e.Users, user)
		}
	}
	return e
}

// staleFIFOs lists those that are not among the open ones.
func (f *Facts) staleFIFOs(open []*schema.Object) []*schema.Object {
	if !f.wantsPaths(schema.Fifo) {
		return nil
	}
	used := map[FileID]bool{}
	for _, o := range open {
		used[o.Row.(*pipeRow).id] = true
	}
	var objects []*schema.Object
	for _, file := range f.runtimeFiles().files {
		id := FileID{file.Dev, file.Ino}
		if file.Mode.Type() != fs.ModeNamedPipe || used[id] {
			continue
		}
		ref := schema.Ref{Kind: schema.Fifo, Space: id.Dev, ID: id.Ino}
		r := &pipeRow{id: id, path: file.Name, file: f.runtimeFiles().stale(file), taken: f.Now, readers: f.Holders(nil, nil), writers: f.Holders(nil, nil),
			waiters: f.waitersValue(ref, nil, false), status: schema.None(schema.TypeString), fill: schema.None(schema.TypeBytes), capacity: schema.None(schema.TypeBytes)}
		subject := r.file.subject(f, schema.Fifo)
		r.app = f.appOf(ref, subject)
		r.leak = f.judge(ref, fifoLeakNeeds, func() relate.Evidence {
			e, sight := f.pathEvidence(r.file, subject)
			e.AllUsers = f.unused("nobody has it open or waits to: the descriptors and system calls of every process were read", sight, f.openSight(), f.callSight(), f.openersSight())
			return e
		})
		objects = append(objects, &schema.Object{Ref: ref, Row: r})
	}
	return objects
}

// openersSight says whether it is known of all who wait in the open of a FIFO of which.
func (f *Facts) openersSight() relate.Sight {
	f.callSight() // which finds the openers that have no call of their own, io_uring's
	sight := relate.Sight{Complete: true}
	var list []*Process
	for _, p := range f.procs {
		if p.opensFIFO {
			list = append(list, p)
		}
	}
	if len(list) > 0 {
		sight.Hide("which FIFO these wait to open cannot be told, it may be this one: " + pidList(list))
	}
	return sight
}

func (s *staleFile) subject(f *Facts, kind schema.Kind) Subject {
	return Subject{Kind: kind, Name: s.Name, UID: s.UID, GID: s.GID, CUID: s.UID, User: f.Users.User(s.UID), Perms: uint32(s.Mode.Perm()), Size: s.Size}
}

// pathEvidence is what both kinds have in common.
func (f *Facts) pathEvidence(file *staleFile, s Subject) (relate.Evidence, relate.Sight) {
	sight := f.fileSight(file.Name)
	e := f.evidence(sight, nil, file.lastUse(), file.UID)
	f.protect(&e, s)
	f.protectFIFO(&e, s)
	return e, sight
}

// socketEvidence is that of a socket that has a path.
func (f *Facts) socketEvidence(r *unixRow) relate.Evidence {
	var e relate.Evidence
	for _, u := range r.uses {
		if user := f.user(u.Process, "has its socket open"); !slices.Contains(e.Users, user) {
			e.Users = append(e.Users, user)
		}
	}
	if len(e.Users) == 0 {
		e.Users = []relate.User{{Who: "a socket", How: "is bound to it; who has that open cannot be seen"}}
	}
	return e
}
