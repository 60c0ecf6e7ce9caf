package kinds

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PShmRow is a file of /dev/shm.
type PShmRow struct {
	PosixRow
	Status []string
}

// StatusDeleted marks shared memory without a name. It lives until its last user closes it.
const StatusDeleted = "deleted"

// PShm is the Mechanism of POSIX shared memory.
func PShm() *Mechanism {
	return &Mechanism{
		Kind: schema.PShm, Family: Memory, Title: "POSIX shared memory",
		Help: "files of /dev/shm: their memory, who maps them or has them open; what shm_open cannot have made is " +
			"told apart by its type",
		Columns: pshmColumns(),
		Default: []string{"owner", "perms", "size", "status", "age", "allocated", "holders"},
		Relates: proc.FileUserNeeds | proc.NeedSyscall,
		Needs:   proc.FileUserNeeds, // to find those without a name
		Collect: collectPShm,
		Relate:  relatePosix,
		Gauges:  pshmGauges,
		Label: func(o *schema.Object) string {
			if o.Ref.Name == "" {
				return o.Row.(*PShmRow).FullName
			}
			return ""
		},
	}
}

func pshmColumns() []schema.Column {
	type row = PShmRow
	base := func(r *row) *PosixRow { return &r.PosixRow }
	bytes := func(id, help string, get func(*row) uint64) schema.Column {
		return schema.Col(id, schema.TypeBytes, 9, 0, help,
			func(r *row) schema.Value { return r.of(schema.Bytes(get(r))) })
	}
	return slices.Concat(posixColumns(base), []schema.Column{
		schema.Col("type", schema.TypeString, 9, 0,
			"file: what shm_open makes; directory, link, fifo, socket, device: something else that lies there",
			func(r *row) schema.Value { return r.of(schema.String(FileType(r.Mode))) }),
		bytes("size", "size that it was given", func(r *row) uint64 { return r.Size }),
		bytes("allocated", "bytes of it in memory or swap", func(r *row) uint64 { return r.Allocated }),
		schema.Col("status", schema.TypeString, 10, 0,
			"deleted: it has no name any more and goes away with its last user; directory, link, fifo, socket, "+
				"device: no shared memory", func(r *row) schema.Value {
				return WordValue(strings.Join(r.Status, ","))
			}),
		schema.Col("atime", schema.TypeTime, 12, 0, "when it was last read by a call, not through memory",
			func(r *row) schema.Value { return r.of(schema.Time(r.ATime)) }),
		posixHolders("processes that map it or have it open", base),
		posixWaiters(proc.FileUserNeeds, "threads that sleep on a futex in it, a mutex or semaphore for example", base),
	}, devShmColumns(base))
}

func collectPShm(t *proc.Tick) ([]*schema.Object, error) {
	files, err := t.Host.DevShmFiles()
	noteMounts(t, "/dev/shm", err)
	err = withoutMounts(err)
	groups := inShmSpaces(t, schema.PShm, files, posix.ShmDir.Files)
	return devShmObjects(t, schema.PShm, groups, func(f *vfs.PosixFile) vfs.PosixFile { return *f },
		func(r PosixRow, f *vfs.PosixFile) PShmRow {
			switch {
			case f == nil:
				return PShmRow{PosixRow: r, Status: []string{StatusDeleted}}
			case !f.Mode.IsRegular():
				return PShmRow{PosixRow: r, Status: []string{FileType(f.Mode)}}
			}
			return PShmRow{PosixRow: r}
		}), err
}

func pshmGauges(t *proc.Tick) ([]schema.Gauge, error) {
	use, err := t.Host.DevShmUse()
	if errors.Is(err, sys.ErrNotLive) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []schema.Gauge{{Kind: schema.PShm, What: "/dev/shm", Used: use.Used, Limit: use.Size, Type: schema.TypeBytes,
		Knob: "mount -o remount,size=… /dev/shm"}}, nil
}
