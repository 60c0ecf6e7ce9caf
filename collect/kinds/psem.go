package kinds

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PSemRow is a POSIX named semaphore.
type PSemRow struct {
	PosixRow
	sem   posix.Sem
	asked bool // the value is wanted
}

// PSem is the Mechanism of POSIX named semaphores.
func PSem() *Mechanism {
	return &Mechanism{
		Kind: schema.PSem, Family: Semaphores, Title: "POSIX named semaphores",
		Help:    "named semaphores of /dev/shm: their values, who maps them, by device and inode, and who waits",
		Columns: psemColumns(),
		Default: []string{"owner", "perms", "sval", "nwaiters", "waiters", "age", "holders"},
		Relates: proc.FileUserNeeds | proc.NeedSyscall,
		Needs:   proc.FileUserNeeds, // to find those without a name
		Collect: collectPSem,
		Relate:  relatePosix,
	}
}

func psemColumns() []schema.Column {
	type row = PSemRow
	base := func(r *row) *PosixRow { return &r.PosixRow }
	value := func(id string, width int, help string, get func(*row) uint32) schema.Column {
		return schema.Col(id, schema.TypeInt, width, NeedSemValues, help, func(r *row) schema.Value {
			switch {
			case r.sem.HasValue:
				return schema.Int(int64(get(r)))
			case !r.asked:
				return schema.Uncollected(schema.TypeInt)
			case r.sem.Denied || r.sem.Unread != nil:
				return schema.Refused(schema.TypeInt)
			}
			return schema.None(schema.TypeInt)
		})
	}
	return slices.Concat(posixColumns(base), []schema.Column{
		value("sval", 5, "value", func(r *row) uint32 { return r.sem.Value }),
		value("nwaiters", 8, "threads in sem_wait, as the C library counts them; one that was killed "+
			"there stays counted",
			func(r *row) uint32 { return r.sem.Waiters }),
		posixHolders("processes that map it or have its file open", base),
		posixWaiters(proc.FileUserNeeds, "threads that sleep in sem_wait", base),
	}, devShmColumns(base))
}

func collectPSem(t *proc.Tick) ([]*schema.Object, error) {
	values := t.Wants(schema.PSem, NeedSemValues)
	sems, err := t.Host.AllPosixSems(values)
	groups := inShmSpaces(t, schema.PSem, sems, func(d posix.ShmDir) ([]posix.Sem, error) { return d.Sems(values) })
	var lost unreadContent
	objects := devShmObjects(t, schema.PSem, groups, func(s *posix.Sem) vfs.PosixFile { return s.PosixFile },
		func(r PosixRow, s *posix.Sem) PSemRow {
			if s == nil {
				return PSemRow{PosixRow: r, asked: true}
			}
			lost.add(s.Unread)
			return PSemRow{PosixRow: r, sem: *s, asked: values}
		})
	lost.report(t, schema.PSem, "values of %d semaphores")
	return objects, err
}
