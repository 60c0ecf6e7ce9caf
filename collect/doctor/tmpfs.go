package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// deletedFile is an unlinked file that processes have open or mapped.
type deletedFile struct {
	id      proc.FileID
	path    string // as the first process sees it
	holders []processName
	refs    []schema.Ref
	pids    []int // of the threads whose tables have it
	stats   []func(process.Dir) (vfs.PosixFile, error)
	fd      int // of the first process; -1: it only maps the file
	bytes   uint64
	known   bool
}

// memoryFiles finds unlinked files on tmpfs that take memory, and that no list of a directory shows. The files of the
// reader's /dev/shm belong to heldMemory.
func memoryFiles(x *examination) []schema.Finding {
	if !x.host.Live() {
		return nil // device numbers mean nothing in a file tree
	}
	byDev := map[uint64][]*deletedFile{}
	for _, f := range x.deletedFiles() {
		byDev[f.id.Dev] = append(byDev[f.id.Dev], f)
	}
	mounts := map[int]map[uint64]string{}
	var all []schema.Finding
	for _, dev := range slices.Sorted(maps.Keys(byDev)) {
		if point := x.tmpfsOf(dev, byDev[dev], mounts); point != "" {
			all = append(all, x.memoryFilesOn(point, byDev[dev])...)
		}
	}
	return all
}

// deletedFiles lists the unlinked files on devices without a disk, besides those of other checks, by device and inode.
func (x *examination) deletedFiles() []*deletedFile {
	files := map[proc.FileID]*deletedFile{}
	listed := map[proc.FileID]bool{}
	for _, kind := range []schema.Kind{schema.PShm, schema.PSem} {
		for _, o := range x.snap.Objects[kind] {
			switch r := o.Row.(type) {
			case *kinds.PShmRow:
				listed[proc.FileID{Dev: r.Dev, Ino: r.Ino}] = true
			case *kinds.PSemRow:
				listed[proc.FileID{Dev: r.Dev, Ino: r.Ino}] = true
			}
		}
	}
	add := func(p *proc.Process, id proc.FileID, path string, pid, fd int,
		stat func(process.Dir) (vfs.PosixFile, error)) {
		if !strings.HasSuffix(path, proc.DeletedSuffix) || listed[id] || id.Dev>>8&0xfff != 0 || nameless(path) {
			return // the number of a device without a disk has the major part 0
		}
		f := files[id]
		if f == nil {
			f = &deletedFile{id: id, path: strings.TrimSuffix(path, proc.DeletedSuffix), fd: fd}
			files[id] = f
		}
		if name := (processName{p.PID, p.Comm}); !slices.Contains(f.holders, name) {
			f.holders, f.refs = append(f.holders, name), append(f.refs, p.Ref())
		}
		f.pids, f.stats = append(f.pids, pid), append(f.stats, stat)
	}
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *kinds.ProcRow) {
		for i := range r.FDs {
			fd := &r.FDs[i]
			if fd.Kind != proc.FDFile {
				continue
			}
			num := int(fd.Num)
			add(r.Process, proc.FileID{Dev: fd.Dev, Ino: fd.Ino}, fd.Path,
				proc.FDUse{Process: r.Process, FD: fd}.TID(), num,
				func(d process.Dir) (vfs.PosixFile, error) { return d.StatOpen(num) })
		}
		for _, m := range r.Shared {
			add(r.Process, proc.FileID{Dev: m.Dev, Ino: m.Ino}, strings.ReplaceAll(m.Name, `\012`, "\n"),
				r.Living(), -1,
				func(d process.Dir) (vfs.PosixFile, error) { return d.StatMapped(m.Start, m.End) })
		}
	})
	return slices.SortedFunc(maps.Values(files), func(a, b *deletedFile) int { return a.id.Compare(b.id) })
}

// nameless reports whether the path is that of memory that never had a name in a directory.
func nameless(path string) bool {
	return slices.ContainsFunc([]string{"/memfd:", proc.SegmentName, "/dev/zero", "/[aio]", "/dmabuf:",
		"/anon_hugepage"},
		func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

// tmpfsOf is the path where one of the holders has the device mounted. It is "" if the device is no tmpfs.
func (x *examination) tmpfsOf(dev uint64, files []*deletedFile, mounts map[int]map[uint64]string) string {
	for _, f := range files {
		for _, h := range f.holders {
			if _, read := mounts[h.pid]; !read {
				list, err := proc.TmpfsMounts(h.pid)
				if err != nil && !sys.Gone(err) {
					x.read("mountinfo", err)
				}
				mounts[h.pid] = list
			}
			if point, ok := mounts[h.pid][dev]; ok {
				return point
			}
			if len(mounts) >= 64 {
				return "" // the mounts of that many holders do not have the device
			}
		}
	}
	return ""
}

// stat reads the size through one of the holders. It is false if the file has a name: another one, or one that ends
// like the link of an unlinked file.
func (x *examination) stat(f *deletedFile) (unlinked bool) {
	for i, stat := range f.stats {
		dir, err := x.host.OpenProc(f.pids[i])
		if err != nil {
			continue
		}
		file, err := stat(dir)
		dir.Close()
		if err == nil && file.Dev == f.id.Dev && file.Ino == f.id.Ino {
			f.bytes, f.known = file.Allocated, true
			return file.Links == 0
		}
	}
	return true
}

// memoryFilesOn is the finding on the files of one tmpfs.
func (x *examination) memoryFilesOn(point string, files []*deletedFile) []schema.Finding {
	f := schema.Finding{Kind: "held", Severity: schema.Info, Proof: schema.Observed,
		Advice: "No removal frees it: it goes when the processes that hold it unmap and close it, or end. " +
			"Restart those that should have let go."}
	var total uint64
	unknown := 0
	groups := map[string][]*deletedFile{}
	files = slices.DeleteFunc(files, func(file *deletedFile) bool { return !x.stat(file) })
	if len(files) == 0 {
		return nil
	}
	for _, file := range files {
		total += file.bytes
		if !file.known {
			unknown++
		}
		var names []string
		for _, h := range file.holders {
			names = append(names, fmt.Sprintf("%d/%s", h.pid, h.comm))
		}
		who := strings.Join(firstOf(4, names), ", ")
		groups[who] = append(groups[who], file)
		for _, ref := range file.refs {
			if !slices.Contains(f.Refs, ref) && len(f.Refs) < manyFindings {
				f.Refs = append(f.Refs, ref)
			}
		}
	}
	f.Says = fmt.Sprintf("%s of memory on the tmpfs %s are deleted but still held: %s", inBytesWords(total), point,
		schema.Counted(len(files), "file"))
	size := func(who string) (n uint64) {
		for _, file := range groups[who] {
			n += file.bytes
		}
		return n
	}
	var lines []string
	for _, who := range slices.SortedFunc(maps.Keys(groups),
		func(a, b string) int { return cmp.Or(cmp.Compare(size(b), size(a)), strings.Compare(a, b)) }) {
		var paths []string
		for _, file := range groups[who] {
			paths = append(paths, file.path)
		}
		lines = append(lines, fmt.Sprintf("%s held by %s: %s", inBytesWords(size(who)), who,
			strings.Join(firstOf(3, paths), ", ")))
	}
	f.Evidence = firstOf(8, lines)
	if unknown > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the sizes of %d are not known: they may not be read", unknown))
	}
	f.Severity = x.weigh(&f, point, files, total)
	return []schema.Finding{f}
}

// weigh compares the memory of the files with their file system and with the machine.
func (x *examination) weigh(f *schema.Finding, point string, files []*deletedFile, total uint64) schema.Severity {
	severity := schema.Info
	if m, err := x.host.Memory(); x.read("/proc/meminfo", err) && total >= m.Total/20 {
		severity = schema.Warning
		f.Evidence = append(f.Evidence,
			fmt.Sprintf("that is %d %% of the machine's memory (%s)", percent(total, m.Total), inBytesWords(m.Total)))
	}
	for _, file := range files {
		if file.fd < 0 || !file.known {
			continue
		}
		dir, err := x.host.OpenProc(file.pids[0])
		if err != nil {
			continue
		}
		size, err := dir.RoomAround(file.fd)
		dir.Close()
		if err == nil && size > 0 && total >= size/4 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("they take %d %% of the %s of %s: df counts them, "+
				"du and ls do not",
				percent(total, size), inBytesWords(size), point))
			return schema.Warning
		}
		if err == nil {
			break
		}
	}
	return severity
}
