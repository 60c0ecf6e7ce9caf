package proc

import (
	"bytes"
	"cmp"
	"io/fs"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// FDKind is the class of a descriptor: the sort of object that the descriptor leads to.
type FDKind uint8

const (
	FDPipe FDKind = iota + 1
	FDFifo
	FDSocket
	FDNamespace
	FDFile     // any other file with a path (NeedLocks, NeedFDFiles)
	FDPtmx     // a pseudoterminal's master (NeedTTYs)
	FDSlave    // a pseudoterminal's slave (NeedTTYs)
	fdDeclared // the first of the classes that rows of the table of Descriptors declare
)

// FD is one file descriptor on an IPC object. The walk keeps no other descriptors.
type FD struct {
	Num      int32
	Kind     FDKind
	Table    uint16        // 0: the process's table; n: that of Process.OwnTables[n-1]
	Access   fdinfo.Access // of pipes and FIFOs with NeedFDModes, of files with NeedFDFiles
	Dev, Ino uint64        // 0 if the object has no inode of its own
	// FIFOs and files: the path as the process sees it, with " (deleted)" at the end if unlinked; namespaces: the type
	Path string
}

// FileID is the device and inode number of a file. Dev is 0 for pipes and sockets.
type FileID struct{ Dev, Ino uint64 }

// Compare orders by device, then inode.
func (a FileID) Compare(b FileID) int {
	return cmp.Or(cmp.Compare(a.Dev, b.Dev), cmp.Compare(a.Ino, b.Ino))
}

// OpenFD finds a descriptor of a thread by number among those that the walk kept. They are in ascending order of tables
// and numbers.
func (p *Process) OpenFD(tid int, num int32) *FD {
	at, found := slices.BinarySearchFunc(p.FDs, FDNum{p.TableOf(tid), num}, func(fd FD, id FDNum) int {
		return cmp.Or(cmp.Compare(fd.Table, id.Table), cmp.Compare(fd.Num, id.Num))
	})
	if !found {
		return nil
	}
	return &p.FDs[at]
}

// fileNeeds are the needs of every file with a path.
const fileNeeds = NeedLocks | NeedFDFiles

const fdNeeds = NeedFDs | NeedFDModes | fileNeeds | NeedTTYs

func (w *walker) descriptors(p *Process, dir process.Dir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case needs&fdNeeds == 0 || p.KernelThread() || p.Gone():
	case old.known != nil && old.fds.Has(needs&fdNeeds):
		p.OwnTables, p.OwnErr = old.known.OwnTables, old.known.OwnErr
		p.FDs, p.FDErr = p.pathsNow(dir, needs, old.known.FDs, buf), old.known.FDErr
		now.fds, now.risky, now.files = old.fds, old.risky, old.files
	default:
		needs |= old.fds // Tables that were needed before will be needed again.
		var scan fdScan
		scan.modes, scan.files = needs.Has(NeedFDModes), needs&fileNeeds != 0
		scan.self = w.host.Live() && p.PID == w.self
		scan.fileModes = needs.Has(NeedFDFiles)
		scan.ttys, scan.proc = needs.Has(NeedTTYs), dir
		scan.watch, scan.risky, scan.riskyOf, scan.table = w.risky.on, w.risky.of(dir), w.risky.of, w.table
		for _, s := range w.sources {
			if s.descriptors(p, dir, buf, &scan) {
				break
			}
		}
		p.FDs, now.fds, now.risky, now.files = scan.found, needs&fdNeeds, scan.skipped, scan.seen
		if failure(cmp.Or(p.FDErr, p.OwnErr)) != nil {
			now.fds = 0
		}
	}
}

// pathsNow returns the descriptors with their present paths, as far as the tick needs the paths. Other processes can
// rename and unlink files while the holder sleeps. Descriptors of a process that lead to one file by one path, such as
// three on /dev/null, have one present path.
func (p *Process) pathsNow(dir process.Dir, needs schema.Need, fds []FD, buf []byte) []FD {
	before, files := fds, needs&fileNeeds != 0
	kept := true // fds belongs to the last snapshot, which must not change
	for i := range before {
		fd := &before[i]
		if fd.Path == "" || fd.Kind == FDNamespace || fd.Kind == FDFile && !files {
			continue
		}
		var now string
		if i > 0 && fd.samePath(&before[i-1]) {
			now = fds[i-1].Path
		} else {
			var path []byte
			err := error(fs.ErrNotExist)
			p.withTable(dir, fd.Table, func(of process.Dir) { path, err = of.FDLink(int(fd.Num), buf) })
			if err != nil || string(path) == fd.Path {
				continue
			}
			now = string(path)
		}
		if now == fd.Path {
			continue
		}
		if kept {
			fds, kept = slices.Clone(fds), false
		}
		fds[i].Path = now
	}
	return fds
}

// samePath reports whether two descriptors of a process led to one file by one path.
func (fd *FD) samePath(other *FD) bool {
	return fd.Kind == other.Kind && fd.Table == other.Table && fd.Dev == other.Dev && fd.Ino == other.Ino &&
		fd.Path == other.Path
}

// hasName reports whether another process can rename or unlink the mapped file.
func hasName(m process.Mapping) bool { return !strings.HasSuffix(m.Name, DeletedSuffix) }

func (w *walker) mappings(p *Process, dir process.Dir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case !needs.Has(NeedMaps) || p.KernelThread() || p.Gone():
	case old.known != nil && old.maps && !slices.ContainsFunc(old.known.Shared, hasName):
		p.Shared, p.MapsErr, now.maps = old.known.Shared, old.known.MapsErr, true
	default:
		p.Shared, p.MapsErr = dir.SharedMaps(buf)
		now.maps = failure(p.MapsErr) == nil
	}
}

// fdScan collects the descriptors that some mechanism needs.
type fdScan struct {
	modes, files bool // of pipes and FIFOs; of every file with a path
	fileModes    bool
	ttys         bool
	self         bool // the process is the reader
	proc         process.Dir
	table        *table
	watch        bool // risky looks
	risky        func(path []byte) bool
	riskyOf      func(process.Dir) func(path []byte) bool // risky for the paths of another thread
	found        []FD
	seen         int   // all descriptors
	skipped      int   // descriptors below mounts where a stat may hang
	err          error // of the first descriptor that is open and could not be looked at
}

// entry is a descriptor that a source shows to an fdScan.
type entry interface {
	Access() (fdinfo.Access, error)
	Stat(target []byte) (vfs.FileID, error)
}

// visit gets a descriptor of /proc. link gets one whose link was read.
func (s *fdScan) visit(d *process.FDDir, num int, target []byte) {
	s.seen++
	s.link(d, num, target)
}

func (s *fdScan) link(d entry, num int, target []byte) {
	switch {
	case len(target) == 0:
	case bytes.HasPrefix(target, []byte("socket:[")): // the most common links first
		if ino, ok := scan.LinkInode(target); ok {
			s.socket(num, ino)
		}
	case bytes.HasPrefix(target, []byte("pipe:[")):
		if ino, ok := scan.LinkInode(target); ok {
			s.pipe(d, num, ino)
		}
	default:
		s.other(d, num, target)
	}
}

// other keeps a descriptor that is no pipe and no socket.
func (s *fdScan) other(d entry, num int, target []byte) {
	if name, ok := bytes.CutPrefix(target, []byte("anon_inode:")); ok {
		s.anonymous(num, name)
	} else if declared := s.table.declared(target); declared != 0 {
		s.declared(num, declared)
	} else if target[0] == '/' {
		s.path(d, num, target)
	} else if typ, ino, ok := namespace.ParseLink(target); ok {
		s.found = append(s.found, FD{Num: int32(num), Kind: FDNamespace, Ino: ino, Path: typ})
	}
}

func (s *fdScan) socket(num int, ino uint64) {
	s.found = append(s.found, FD{Num: int32(num), Kind: FDSocket, Ino: ino})
}

// anonymous keeps a descriptor on an anonymous inode, if a row declares its name. The reader's own iterators of BPF are
// there only because the reader looks.
func (s *fdScan) anonymous(num int, name []byte) {
	if kind := s.table.anonymous(name); kind != 0 && !(s.self && string(name) == "bpf_link" && s.iterates(num)) {
		s.declared(num, kind)
	}
}

// iterates reports whether a link to a BPF program is an iterator (link_type in bpf_link_show_fdinfo,
// kernel/bpf/syscall.c).
func (s *fdScan) iterates(num int) bool {
	text, err := s.proc.FDInfo(num, nil)
	return err == nil && bytes.Contains(text, []byte("link_type:\titer\n"))
}

func (s *fdScan) declared(num int, kind FDKind) {
	s.found = append(s.found, FD{Num: int32(num), Kind: kind})
}

func (s *fdScan) pipe(d entry, num int, ino uint64) {
	var access fdinfo.Access
	if s.modes {
		var err error
		if access, err = d.Access(); err != nil {
			s.failed(err)
			return
		}
	}
	s.found = append(s.found, FD{Num: int32(num), Kind: FDPipe, Access: access, Ino: ino})
}

// path finds FIFOs and files among the descriptors that lead to a path. It must stat the file, and a dead server can
// make that hang. So it skips files below NFS, FUSE and the like.
func (s *fdScan) path(d entry, num int, target []byte) {
	tty := s.ttys && mayBeTTY(target)
	if !s.modes && !s.files && !tty {
		return
	}
	if tty && !s.proc.Live() {
		s.found = append(s.found, ttyByName(num, target))
		return
	}
	if s.risky(target) {
		s.skipped++
		return
	}
	s.known(d, num, target)
}

// known keeps a FIFO, a terminal or a file that may be stat'ed.
func (s *fdScan) known(d entry, num int, target []byte) {
	tty := s.ttys && mayBeTTY(target)
	id, err := d.Stat(target)
	if err != nil {
		s.failed(err)
		return
	}
	fd := FD{Num: int32(num), Dev: id.Dev, Ino: id.Ino, Path: string(target)}
	switch {
	case tty && s.terminal(&fd, id):
	case s.modes && id.IsFIFO():
		if fd.Access, err = d.Access(); err != nil {
			s.failed(err)
			return
		}
		fd.Kind = FDFifo
	case s.files:
		if s.fileModes {
			if fd.Access, err = d.Access(); err != nil {
				s.failed(err)
				return
			}
		}
		fd.Kind = FDFile
	default:
		return
	}
	s.found = append(s.found, fd)
}

// failed keeps the error of a descriptor that could not be looked at. A descriptor that was closed meanwhile is none.
func (s *fdScan) failed(err error) {
	if s.proc.Live() {
		s.err = cmp.Or(s.err, failure(err))
	}
}
