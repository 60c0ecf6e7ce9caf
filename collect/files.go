package collect

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// What objects have in common that are files: POSIX queues, semaphores and shared memory, memfds, mapped files.

// fileKey is a file in the index of those that processes have open or map: by device and inode. In a tree of files the numbers in
// maps mean nothing: there the path has to do. A System V segment has the number of its id on the device of the memfds, so that both
// numbers may be a memfd's as well: path tells it apart.
type fileKey struct {
	FileID
	path string
}

// mapUse is a process that maps a file MAP_SHARED.
type mapUse struct {
	*Process
	count    int // mappings
	writable bool
	bytes    uint64 // of address space, in all its mappings
	at       kernel.Mapping
}

// fileUsers are the processes at one file.
type fileUsers struct {
	id   FileID
	path string // where one of them reached it, " (deleted)" behind it if unlinked
	maps []mapUse
	fds  []FDUse
}

func (f *Facts) fileKey(id FileID, path string) fileKey {
	switch {
	case !f.Host.Live():
		return fileKey{path: path}
	case strings.HasPrefix(path, segmentName):
		return fileKey{FileID: id, path: segmentName}
	}
	return fileKey{FileID: id}
}

// fileUsers gives who uses a file; never nil.
func (f *Facts) fileUsers(id FileID, path string) *fileUsers {
	if u := Memo(f, indexFiles)[f.fileKey(id, path)]; u != nil {
		return u
	}
	return &fileUsers{id: id, path: path}
}

// usedFiles lists the files that processes use and keep accepts, by device and inode.
func (f *Facts) usedFiles(keep func(*fileUsers) bool) []*fileUsers {
	var list []*fileUsers
	for _, u := range Memo(f, indexFiles) {
		if keep(u) {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(a, b *fileUsers) int { return cmp.Or(a.id.Compare(b.id), strings.Compare(a.path, b.path)) })
	return list
}

// fileIndex are the files that processes have open or map.
type fileIndex map[fileKey]*fileUsers

// indexFiles joins descriptors and mappings of all processes. System V segments lie among the mappings, under names of their own.
func indexFiles(f *Facts) fileIndex {
	files := fileIndex{}
	at := func(id FileID, path string) *fileUsers {
		key := f.fileKey(id, path)
		u := files[key]
		if u == nil {
			u = &fileUsers{id: id, path: path}
			files[key] = u
		}
		return u
	}
	for _, p := range f.procs {
		for _, m := range p.shared {
			// The kernel writes a newline in a name as \012 (show_map_vma, fs/proc/task_mmu.c), and nothing else.
			u := at(FileID{m.Dev, m.Ino}, strings.ReplaceAll(m.Name, `\012`, "\n"))
			n := len(u.maps)
			if n == 0 || u.maps[n-1].Process != p {
				u.maps = append(u.maps, mapUse{Process: p, at: m})
				n++
			}
			last := &u.maps[n-1]
			last.count, last.writable, last.bytes = last.count+1, last.writable || m.Writable, last.bytes+m.End-m.Start
		}
		for i := range p.fds {
			if fd := &p.fds[i]; fd.Kind == FDFile {
				u := at(FileID{fd.Dev, fd.Ino}, fd.Path)
				u.fds = append(u.fds, FDUse{p, fd})
			}
		}
	}
	return files
}

const fileUserNeeds = schema.NeedProcs | schema.NeedFDs | schema.NeedFDFiles | schema.NeedMaps

// fileHolders is the holders column: one endpoint for each process that maps the file, with one of its descriptors if it has any,
// and one for each further descriptor.
func (f *Facts) fileHolders(ref schema.Ref, u *fileUsers) schema.Value {
	if !f.gathered(ref, fileUserNeeds) {
		return schema.Uncollected(schema.TypeEndpoints)
	}
	ends := make([]schema.Endpoint, 0, len(u.maps)+len(u.fds))
	for _, m := range u.maps {
		mode := "r"
		if m.writable {
			mode = "rw"
		}
		e := f.Endpoint(m.Process, -1, mode)
		e.Maps = m.count
		ends = append(ends, e)
	}
	for _, use := range u.fds {
		i := slices.IndexFunc(ends, func(e schema.Endpoint) bool { return e.PID == use.Process.PID && e.FD < 0 })
		if i >= 0 {
			ends[i].FD = int(use.FD.Num)
			continue
		}
		ends = append(ends, f.Endpoint(use.Process, int(use.FD.Num), use.FD.Access.String()))
	}
	slices.SortStableFunc(ends, func(a, b schema.Endpoint) int { return cmp.Compare(a.PID, b.PID) })
	return schema.Endpoints(ends, f.Unseen("fd") > 0 || f.Unseen("maps") > 0)
}

// fileEdges relates the processes to a file that they map, have open, or sleep on.
func (f *Facts) fileEdges(to schema.Ref, u *fileUsers, waits []waiter) []schema.Edge {
	var edges []schema.Edge
	for _, m := range u.maps {
		via := "1 mapping"
		if m.count != 1 {
			via = fmt.Sprintf("%d mappings", m.count)
		}
		edges = append(edges, schema.Edge{From: m.Ref(), To: to, Rel: schema.RelMaps, Via: via, Proof: schema.Observed})
	}
	edges = append(edges, f.HoldEdges(to, u.fds, func(*FD) schema.Rel { return schema.RelHolds })...)
	return append(edges, waitEdges(to, waits)...)
}

// statUsed asks about a file through one of the processes that use it: it may have no name. Errors are the last one's.
func (f *Facts) statUsed(u *fileUsers) (kernel.PosixFile, error) {
	err := error(kernel.ErrNotLive)
	if !f.Host.Live() {
		return kernel.PosixFile{}, err
	}
	stat := func(p *Process, ask func(kernel.ProcDir) (kernel.PosixFile, error)) (kernel.PosixFile, bool) {
		dir, openErr := f.Host.OpenProc(p.living())
		if err = openErr; err != nil {
			return kernel.PosixFile{}, false
		}
		defer dir.Close()
		var file kernel.PosixFile
		if file, err = ask(dir); err != nil {
			return file, false
		}
		if file.Dev != u.id.Dev || file.Ino != u.id.Ino {
			err = fs.ErrNotExist // closed meanwhile, its number is another file's
			return file, false
		}
		return file, true
	}
	for _, use := range u.fds {
		if file, ok := stat(use.Process, func(d kernel.ProcDir) (kernel.PosixFile, error) { return d.StatOpen(int(use.FD.Num)) }); ok {
			return file, nil
		}
	}
	for _, m := range u.maps {
		if file, ok := stat(m.Process, func(d kernel.ProcDir) (kernel.PosixFile, error) { return d.StatMapped(m.at.Start, m.at.End) }); ok {
			return file, nil
		}
	}
	return kernel.PosixFile{}, err
}

const deletedSuffix = " (deleted)"

// devShmName gives the name of what lies directly in /dev/shm.
func devShmName(path string) (name string, ok bool) {
	name, ok = strings.CutPrefix(path, "/dev/shm/")
	name = strings.TrimSuffix(name, deletedSuffix)
	return name, ok && name != "" && !strings.Contains(name, "/")
}

// segmentName begins the name of every mapping of a System V segment (newseg in ipc/shm.c).
const segmentName = "/SYSV"

// mapsSegment says whether the process maps what may be a System V segment.
func mapsSegment(p *Process) bool {
	for _, m := range p.shared {
		if strings.HasPrefix(m.Name, segmentName) {
			return true
		}
	}
	return false
}
