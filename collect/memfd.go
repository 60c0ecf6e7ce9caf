package collect

import (
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// memfdRow is memory without a name in any directory, a file of the kernel's internal tmpfs or hugetlbfs.
type memfdRow struct {
	posixRow
	kind string
}

// What shares memory without a name.
const (
	memoryMemfd     = "memfd"     // memfd_create(2)
	memoryAnonymous = "anonymous" // mmap with MAP_SHARED and MAP_ANONYMOUS, or of /dev/zero
	memoryOther     = "other"     // a driver's
)

func memfdMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Memfd, Family: Memory, Title: "memfds and shared anonymous memory",
		Help:    "memfds that some process has open or maps, and other memory without a name that several processes map",
		Columns: memfdColumns(),
		Default: []string{"owner", "size", "allocated", "holders", "name"},
		Relates: fileUserNeeds | schema.NeedSyscall,
		Needs:   fileUserNeeds,
		Collect: collectMemfd,
		Relate: func(f *Facts, objects []*schema.Object) []schema.Edge {
			return relatePosix(f, objects, func(row any) *posixRow { return &row.(*memfdRow).posixRow })
		},
		Label: func(o *schema.Object) string { return o.Row.(*memfdRow).name },
	}
}

func memfdColumns() []schema.Column {
	type row = memfdRow
	base := func(r *row) *posixRow { return &r.posixRow }
	columns := posixColumns(base)
	columns[0].Help = "name that memfd_create was given, which need not be the only one of that name; else what the kernel calls it"
	bytes := func(id, help string, get func(*row) uint64) schema.Column {
		return schema.Col(id, schema.TypeBytes, 9, fileUserNeeds, help, func(r *row) schema.Value { return r.of(schema.Bytes(get(r))) })
	}
	return append(columns,
		schema.Col("type", schema.TypeString, 9, fileUserNeeds, "memfd, anonymous (mmap with MAP_SHARED and MAP_ANONYMOUS), other (a driver's)", func(r *row) schema.Value { return schema.String(r.kind) }),
		bytes("size", "size that it was given", func(r *row) uint64 { return r.Size }),
		bytes("allocated", "bytes of it in memory or swap", func(r *row) uint64 { return r.Allocated }),
		posixHolders("processes that map it or have it open", base),
		posixWaiters(fileUserNeeds, "threads that sleep on a futex in it, a mutex or semaphore for example", base),
	)
}

// memoryName tells what a file of the internal mounts is, by the name that shmem_file_setup or hugetlb_file_setup gave it
// (mm/memfd.c, mm/shmem.c, fs/hugetlbfs/inode.c).
func memoryName(path string) (kind, name string) {
	path = strings.TrimSuffix(path, deletedSuffix)
	if name, ok := strings.CutPrefix(path, "/memfd:"); ok {
		return memoryMemfd, name
	}
	switch path {
	case "/dev/zero", "/anon_hugepage":
		return memoryAnonymous, path
	}
	return memoryOther, path
}

// unnamedMemory accepts the files of the internal mounts, but not System V segments, which live there with inode numbers that
// collide with those of nothing else: their names tell them.
func (f *Facts) unnamedMemory() func(*fileUsers) bool {
	devices := f.segmentDevices() // none for a file tree: there the name has to do
	return func(u *fileUsers) bool {
		if strings.HasPrefix(u.path, segmentName) || !strings.HasSuffix(u.path, deletedSuffix) {
			return false
		}
		if devices == nil { // in a tree of files the name has to do
			kind, _ := memoryName(u.path)
			return kind != memoryOther
		}
		_, known := devices[u.id.Dev]
		return known
	}
}

func collectMemfd(f *Facts) ([]*schema.Object, error) {
	internal := f.unnamedMemory()
	files := f.usedFiles(func(u *fileUsers) bool {
		kind, _ := memoryName(u.path)
		return internal(u) && (kind == memoryMemfd || len(u.maps) > 1)
	})
	rows, objects := newObjects[memfdRow](len(files))
	for i, u := range files {
		ref := fileRef(schema.Memfd, u.id)
		objects[i].Ref = ref
		rows[i].posixRow = f.unnamedRow(ref, u)
		rows[i].kind, rows[i].name = memoryName(u.path)
	}
	return objects, nil
}
