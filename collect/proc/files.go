package proc

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// This file has the shared part of all objects that are files: POSIX queues, semaphores and shared memory, memfds,
// mapped files.

// fileKey is the key of a file in the index of open and mapped files: device and inode. In a file tree the numbers in
// maps mean nothing, so the path alone is the key. A System V segment is on the device of the memfds, with its id as
// its inode number. A memfd may have the same two numbers; path tells the segment from the memfd.
type fileKey struct {
	FileID
	path string
}

// MapUse is a process that maps a file MAP_SHARED.
type MapUse struct {
	*Process
	count    int // mappings
	writable bool
	Bytes    uint64 // of address space, the sum of all its mappings
	At       process.Mapping
}

// FileUsers are the processes that use one file.
type FileUsers struct {
	ID   FileID
	Path string // as one of the processes reached the file; ends with " (deleted)" if the file was unlinked
	Maps []MapUse
	FDs  []FDUse
}

func (t *Tick) fileKey(id FileID, path string) fileKey {
	switch {
	case !t.Host.Live():
		return fileKey{path: path}
	case strings.HasPrefix(path, SegmentName):
		return fileKey{FileID: id, path: SegmentName}
	}
	return fileKey{FileID: id}
}

// FileUsers returns the users of a file. It never returns nil.
func (t *Tick) FileUsers(id FileID, path string) *FileUsers {
	if u := Memo(t, indexFiles)[t.fileKey(id, path)]; u != nil {
		return u
	}
	return &FileUsers{ID: id, Path: path}
}

// UsedFiles lists the used files that keep accepts, by device and inode.
func (t *Tick) UsedFiles(keep func(*FileUsers) bool) []*FileUsers {
	var list []*FileUsers
	for _, u := range Memo(t, indexFiles) {
		if keep(u) {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(a, b *FileUsers) int {
		return cmp.Or(a.ID.Compare(b.ID),
			strings.Compare(a.Path, b.Path))
	})
	return list
}

// fileIndex holds all files that processes have open or map.
type fileIndex map[fileKey]*FileUsers

// indexFiles joins the descriptors and mappings of all processes. It has the System V segments, too, under SegmentName.
func indexFiles(t *Tick) fileIndex {
	files := fileIndex{}
	at := func(id FileID, path string) *FileUsers {
		key := t.fileKey(id, path)
		u := files[key]
		if u == nil {
			u = &FileUsers{ID: id, Path: path}
			files[key] = u
		}
		return u
	}
	for _, p := range t.procs {
		for _, m := range p.Shared {
			// The kernel writes a newline in a name as \012 and escapes no other character (show_map_vma,
			// fs/proc/task_mmu.c).
			u := at(FileID{m.Dev, m.Ino}, strings.ReplaceAll(m.Name, `\012`, "\n"))
			n := len(u.Maps)
			if n == 0 || u.Maps[n-1].Process != p {
				u.Maps = append(u.Maps, MapUse{Process: p, At: m})
				n++
			}
			last := &u.Maps[n-1]
			last.count, last.writable, last.Bytes = last.count+1, last.writable || m.Writable, last.Bytes+m.End-m.Start
		}
		for i := range p.FDs {
			if fd := &p.FDs[i]; fd.Kind == FDFile {
				u := at(FileID{fd.Dev, fd.Ino}, fd.Path)
				u.FDs = append(u.FDs, FDUse{p, fd})
			}
		}
	}
	return files
}

// FileUserNeeds are the needs of FileUsers and FileHolders.
const FileUserNeeds = NeedProcs | NeedFDs | NeedFDFiles | NeedMaps

// FileHolders is the value of the holders column. Each process that maps the file is one endpoint, with one of its
// descriptors if it has any. Each further descriptor is one more endpoint.
func (t *Tick) FileHolders(ref schema.Ref, u *FileUsers) schema.Value {
	if !t.Gathered(ref, FileUserNeeds) {
		return schema.Uncollected(schema.TypeEndpoints)
	}
	ends := make([]schema.Endpoint, 0, len(u.Maps)+len(u.FDs))
	for _, m := range u.Maps {
		mode := "r"
		if m.writable {
			mode = "rw"
		}
		e := t.Endpoint(m.Process, -1, mode)
		e.Maps = m.count
		ends = append(ends, e)
	}
	for _, use := range u.FDs {
		i, maps := slices.BinarySearchFunc(ends[:len(u.Maps)], use.Process.PID, // as u.Maps, by pid
			func(e schema.Endpoint, pid int) int { return cmp.Compare(e.PID, pid) })
		if maps && ends[i].FD < 0 {
			ends[i].FD, ends[i].TID = int(use.FD.Num), use.OwnThread()
			continue
		}
		ends = append(ends, t.UseEndpoint(use, use.FD.Access.String()))
	}
	slices.SortStableFunc(ends, func(a, b schema.Endpoint) int { return cmp.Compare(a.PID, b.PID) })
	return schema.Endpoints(ends, t.Unseen("fd") > 0 || t.Unseen("maps") > 0)
}

// FileEdges relates the processes to a file that they map, have open, or sleep on.
func FileEdges(to schema.Ref, u *FileUsers, waits []Waiter, add func(schema.Edge)) {
	for _, m := range u.Maps {
		add(schema.Edge{From: m.Ref(), To: to, Rel: schema.RelMaps, Via: schema.ByMappings(m.count),
			Proof: schema.Observed})
	}
	HoldEdges(to, u.FDs, JustHolds, add)
	WaitEdges(to, waits, add)
}

// StatUsed stats a file through a process that uses the file, since the file may have no name. If every process
// fails, the error is the last one.
func (t *Tick) StatUsed(u *FileUsers) (vfs.PosixFile, error) {
	err := error(sys.ErrNotLive)
	if !t.Host.Live() {
		return vfs.PosixFile{}, err
	}
	stat := func(tid int, ask func(process.Dir) (vfs.PosixFile, error)) (vfs.PosixFile, bool) {
		dir, openErr := t.Host.OpenProc(tid)
		if err = openErr; err != nil {
			return vfs.PosixFile{}, false
		}
		defer dir.Close()
		var file vfs.PosixFile
		if file, err = ask(dir); err != nil {
			return file, false
		}
		if file.Dev != u.ID.Dev || file.Ino != u.ID.Ino {
			err = fs.ErrNotExist // closed meanwhile: the number belongs to another file now
			return file, false
		}
		return file, true
	}
	for _, use := range u.FDs {
		if file, ok := stat(use.TID(),
			func(d process.Dir) (vfs.PosixFile, error) { return d.StatOpen(int(use.FD.Num)) }); ok {
			return file, nil
		}
	}
	for _, m := range u.Maps {
		if file, ok := stat(m.Living(),
			func(d process.Dir) (vfs.PosixFile, error) { return d.StatMapped(m.At.Start, m.At.End) }); ok {
			return file, nil
		}
	}
	return vfs.PosixFile{}, err
}

// DeletedSuffix ends the path of an unlinked file in links and maps of /proc (d_path in fs/d_path.c).
const DeletedSuffix = " (deleted)"

// DevShmName returns the name of a file that is directly in /dev/shm.
func DevShmName(path string) (name string, ok bool) {
	name, ok = strings.CutPrefix(path, "/dev/shm/")
	name = strings.TrimSuffix(name, DeletedSuffix)
	return name, ok && name != "" && !strings.Contains(name, "/")
}

// SegmentName begins the name of every mapping of a System V segment (newseg in ipc/shm.c).
const SegmentName = "/SYSV"

// mapsSegment reports whether the process has a mapping that may be a System V segment.
func mapsSegment(p *Process) bool {
	for _, m := range p.Shared {
		if strings.HasPrefix(m.Name, SegmentName) {
			return true
		}
	}
	return false
}
