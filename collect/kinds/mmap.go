package kinds

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// MmapRow is a file that several processes map with MAP_SHARED.
type MmapRow struct {
	Users   *proc.FileUsers
	waits   []proc.Waiter
	holders schema.Value
	waiters schema.Value
}

// Mmap is the Mechanism of files that several processes map.
func Mmap() *Mechanism {
	return &Mechanism{
		Kind: schema.Mmap, Family: Memory, Title: "Files mapped by several processes",
		Ends:    "it is a file: rm its path; what is mapped stays until those who map it end (" + EndHolders + ")",
		Help:    "files that several processes map MAP_SHARED, as shared memory; those of /dev/shm are pshm and psem",
		Columns: mmapColumns(),
		Default: []string{"size", "status", "holders", "path"},
		Relates: proc.FileUserNeeds | proc.NeedSyscall,
		Needs:   proc.NeedProcs | proc.NeedMaps,
		Collect: collectMmap,
		Relate:  relateMmap,
		Label:   func(o *schema.Object) string { return o.Row.(*MmapRow).path() },
	}
}

func (r *MmapRow) path() string { return strings.TrimSuffix(r.Users.Path, proc.DeletedSuffix) }

func mmapColumns() []schema.Column {
	type row = MmapRow
	col := schema.Col[row]
	const needs = proc.NeedProcs | proc.NeedMaps
	return []schema.Column{
		col("path", schema.TypeString, 30, needs, "where a process mapped it, in that process's mount namespace",
			func(r *row) schema.Value { return schema.Name(r.path()) }),
		col("inode", schema.TypeInt, 9, needs, "inode number",
			func(r *row) schema.Value { return schema.Int(int64(r.Users.ID.Ino)) }),
		col("dev", schema.TypeString, 7, needs, "device of its file system, as maps show it, major:minor",
			func(r *row) schema.Value { return schema.String(schema.FormatDev(r.Users.ID.Dev)) }),
		col("nprocs", schema.TypeInt, 6, needs, "processes that map it",
			func(r *row) schema.Value { return schema.Int(int64(len(r.Users.Maps))) }),
		col("size", schema.TypeBytes, 7, needs, "bytes of it that the process which maps most of it maps",
			func(r *row) schema.Value {
				most := slices.MaxFunc(r.Users.Maps,
					func(a, b proc.MapUse) int { return cmp.Compare(a.Bytes, b.Bytes) })
				return schema.Bytes(most.Bytes)
			}),
		col("status", schema.TypeString, 10, needs, "deleted: it has no name any more", func(r *row) schema.Value {
			if strings.HasSuffix(r.Users.Path, proc.DeletedSuffix) {
				return schema.String(StatusDeleted)
			}
			return schema.None(schema.TypeString)
		}),
		col("holders", schema.TypeEndpoints, 24, proc.FileUserNeeds,
			"processes that map it (rw: for writing), or have it open", func(r *row) schema.Value { return r.holders }),
		col("waiters", schema.TypeEndpoints, 24, needs|proc.NeedSyscall,
			"threads that sleep on a futex in it, a mutex or semaphore for example",
			func(r *row) schema.Value { return r.waiters }),
	}
}

// collectMmap leaves out files that other kinds show: the kernel's internal mounts (shm, memfd), and the files
// directly in our /dev/shm. It also leaves out mappings that are no files. Their names do not begin with a slash
// ("anon_inode:[io_uring]"), or belong to a ring of asynchronous I/O.
func collectMmap(t *proc.Tick) ([]*schema.Object, error) {
	internal := unnamedMemory(t)
	shm, known, err := t.Host.DevShmDevice()
	if err != nil {
		return nil, fmt.Errorf("tell shared memory from other files: %w", err)
	}
	files := t.UsedFiles(func(u *proc.FileUsers) bool {
		if len(u.Maps) < 2 || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "/[aio]") ||
			strings.HasPrefix(u.Path, proc.SegmentName) || internal(u) {
			return false
		}
		if t.AllNamespaces && u.ID.Dev != shm && t.ShmSpaceOn(u.ID.Dev) != nil {
			_, inShm := proc.DevShmNameIn(u.Path)
			return !inShm
		}
		_, inShm := proc.DevShmName(u.Path)
		return !inShm || known && t.Host.Live() && u.ID.Dev != shm
	})
	rows, objects := NewObjects[MmapRow](len(files))
	for i, u := range files {
		ref := FileRef(schema.Mmap, u.ID)
		objects[i].Ref = ref
		waits := t.WaitersOf(proc.WaitKey{Kind: proc.WaitOnFile, Dev: u.ID.Dev, ID: u.ID.Ino})
		rows[i] = MmapRow{Users: u, waits: waits, holders: t.FileHolders(ref, u),
			waiters: t.WaitersValue(ref, waits, false)}
	}
	return objects, nil
}

func relateMmap(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		r := o.Row.(*MmapRow)
		proc.FileEdges(o.Ref, r.Users, r.waits, add)
	}
}
