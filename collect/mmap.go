package collect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// mmapRow is a file that several processes map MAP_SHARED.
type mmapRow struct {
	users   *fileUsers
	waits   []waiter
	holders schema.Value
	waiters schema.Value
}

func mmapMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Mmap, Family: Memory, Title: "Files mapped by several processes",
		Help:    "files that several processes map MAP_SHARED, as shared memory; those of /dev/shm are pshm and psem",
		Columns: mmapColumns(),
		Default: []string{"size", "status", "holders", "path"},
		Relates: fileUserNeeds | schema.NeedSyscall,
		Needs:   schema.NeedProcs | schema.NeedMaps,
		Collect: collectMmap,
		Relate:  relateMmap,
		Label:   func(o *schema.Object) string { return o.Row.(*mmapRow).path() },
	}
}

func (r *mmapRow) path() string { return strings.TrimSuffix(r.users.path, deletedSuffix) }

func mmapColumns() []schema.Column {
	type row = mmapRow
	col := schema.Col[row]
	const needs = schema.NeedProcs | schema.NeedMaps
	return []schema.Column{
		col("path", schema.TypeString, 30, needs, "where a process mapped it, in that process's mount namespace", func(r *row) schema.Value { return schema.String(r.path()) }),
		col("inode", schema.TypeInt, 9, needs, "inode number", func(r *row) schema.Value { return schema.Int(int64(r.users.id.Ino)) }),
		col("dev", schema.TypeString, 7, needs, "device of its file system, as maps show it, major:minor", func(r *row) schema.Value { return schema.String(schema.FormatDev(r.users.id.Dev)) }),
		col("nprocs", schema.TypeInt, 6, needs, "processes that map it", func(r *row) schema.Value { return schema.Int(int64(len(r.users.maps))) }),
		col("size", schema.TypeBytes, 7, needs, "bytes of it that the process which maps most of it maps", func(r *row) schema.Value {
			most := slices.MaxFunc(r.users.maps, func(a, b mapUse) int { return cmp.Compare(a.bytes, b.bytes) })
			return schema.Bytes(most.bytes)
		}),
		col("status", schema.TypeString, 10, needs, "deleted: it has no name any more", func(r *row) schema.Value {
			if strings.HasSuffix(r.users.path, deletedSuffix) {
				return schema.String(StatusDeleted)
			}
			return schema.None(schema.TypeString)
		}),
		col("holders", schema.TypeEndpoints, 24, fileUserNeeds, "processes that map it (rw: for writing), or have it open", func(r *row) schema.Value { return r.holders }),
		col("waiters", schema.TypeEndpoints, 24, needs|schema.NeedSyscall, "threads that sleep on a futex in it, a mutex or semaphore for example", func(r *row) schema.Value { return r.waiters }),
	}
}

// collectMmap leaves out what other kinds show: the kernel's internal mounts (shm, memfd) and what lies directly in our /dev/shm.
// The name of a mapping that is no file begins with anything but a slash ("anon_inode:[io_uring]"), or is an asynchronous I/O ring's.
func collectMmap(f *Facts) ([]*schema.Object, error) {
	internal := f.unnamedMemory()
	shm, known, err := f.Host.DevShmDevice()
	if err != nil {
		return nil, fmt.Errorf("tell shared memory from other files: %w", err)
	}
	files := f.usedFiles(func(u *fileUsers) bool {
		if len(u.maps) < 2 || !strings.HasPrefix(u.path, "/") || strings.HasPrefix(u.path, "/[aio]") || strings.HasPrefix(u.path, segmentName) || internal(u) {
			return false
		}
		_, inShm := devShmName(u.path)
		return !inShm || known && f.Host.Live() && u.id.Dev != shm
	})
	rows, objects := newObjects[mmapRow](len(files))
	for i, u := range files {
		ref := fileRef(schema.Mmap, u.id)
		objects[i].Ref = ref
		waits := f.waitersOf(waitKey{waitOnFile, u.id.Dev, u.id.Ino})
		rows[i] = mmapRow{users: u, waits: waits, holders: f.fileHolders(ref, u), waiters: f.waitersValue(ref, waits, false)}
	}
	return objects, nil
}

func relateMmap(f *Facts, objects []*schema.Object) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		r := o.Row.(*mmapRow)
		edges = append(edges, f.fileEdges(o.Ref, r.users, r.waits)...)
	}
	return edges
}
