package kinds

import (
	"strings"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// MemfdRow is memory without a name in any directory: a file of the kernel's internal tmpfs or hugetlbfs.
type MemfdRow struct {
	PosixRow
	kind string
}

// The sorts of shared memory without a name.
const (
	memoryMemfd     = "memfd"     // memfd_create(2)
	memoryAnonymous = "anonymous" // mmap with MAP_SHARED and MAP_ANONYMOUS, or mmap of /dev/zero
	memoryOther     = "other"     // a driver's memory
)

// Memfd is the Mechanism of shared memory without a name.
func Memfd() *Mechanism {
	return &Mechanism{
		Kind: schema.Memfd, Family: Memory, Title: "memfds and shared anonymous memory",
		Ends: "memory without a name goes away when its last user has closed and unmapped it: end those with " +
			EndHolders,
		Help: "memfds that some process has open or maps, and other memory without a name that " +
			"several processes map",
		Columns: memfdColumns(),
		Default: []string{"owner", "size", "allocated", "holders", "name"},
		Relates: proc.FileUserNeeds | proc.NeedSyscall,
		Needs:   proc.FileUserNeeds,
		Collect: collectMemfd,
		Relate:  relatePosix,
		Label:   func(o *schema.Object) string { return o.Row.(*MemfdRow).FullName },
	}
}

func memfdColumns() []schema.Column {
	type row = MemfdRow
	base := func(r *row) *PosixRow { return &r.PosixRow }
	columns := posixColumns(base)
	columns[0].Help = "name that memfd_create was given, which need not be the only one of that name; else what the " +
		"kernel calls it"
	bytes := func(id, help string, get func(*row) uint64) schema.Column {
		return schema.Col(id, schema.TypeBytes, 9, proc.FileUserNeeds, help,
			func(r *row) schema.Value { return r.of(schema.Bytes(get(r))) })
	}
	return append(columns,
		schema.Col("type", schema.TypeString, 9, proc.FileUserNeeds,
			"memfd, anonymous (mmap with MAP_SHARED and MAP_ANONYMOUS), other (a driver's)",
			func(r *row) schema.Value { return schema.String(r.kind) }),
		bytes("size", "size that it was given", func(r *row) uint64 { return r.Size }),
		bytes("allocated", "bytes of it in memory or swap", func(r *row) uint64 { return r.Allocated }),
		posixHolders("processes that map it or have it open", base),
		posixWaiters(proc.FileUserNeeds, "threads that sleep on a futex in it, a mutex or semaphore for example", base),
	)
}

// memoryName finds the sort of a file on the internal mounts. The name is from shmem_file_setup or hugetlb_file_setup
// (mm/memfd.c, mm/shmem.c, fs/hugetlbfs/inode.c).
func memoryName(path string) (kind, name string) {
	path = strings.TrimSuffix(path, proc.DeletedSuffix)
	if name, ok := strings.CutPrefix(path, "/memfd:"); ok {
		return memoryMemfd, name
	}
	switch path {
	case "/dev/zero", "/anon_hugepage":
		return memoryAnonymous, path
	}
	return memoryOther, path
}

// unnamedMemory returns a test for files of the internal mounts. It excludes System V segments, which are on the same
// mounts. A segment's inode number may equal a memfd's, so only its name identifies it.
func unnamedMemory(t *proc.Tick) func(*proc.FileUsers) bool {
	devices := t.SegmentDevices() // nil for a file tree, where the name alone decides
	return func(u *proc.FileUsers) bool {
		if strings.HasPrefix(u.Path, proc.SegmentName) || !strings.HasSuffix(u.Path, proc.DeletedSuffix) {
			return false
		}
		if devices == nil { // in a file tree the name alone decides
			kind, _ := memoryName(u.Path)
			return kind != memoryOther
		}
		_, known := devices[u.ID.Dev]
		return known
	}
}

func collectMemfd(t *proc.Tick) ([]*schema.Object, error) {
	internal := unnamedMemory(t)
	files := t.UsedFiles(func(u *proc.FileUsers) bool {
		kind, _ := memoryName(u.Path)
		return internal(u) && (kind == memoryMemfd || len(u.Maps) > 1)
	})
	rows, objects := NewObjects[MemfdRow](len(files))
	for i, u := range files {
		ref := FileRef(schema.Memfd, u.ID)
		objects[i].Ref = ref
		rows[i].PosixRow = unnamedRow(t, ref, u)
		rows[i].kind, rows[i].FullName = memoryName(u.Path)
	}
	return objects, nil
}
