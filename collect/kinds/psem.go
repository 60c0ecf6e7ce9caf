package kinds

import (
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PSemRow is a POSIX named semaphore.
type PSemRow struct {
	PosixRow
	sem   posix.Sem
	asked bool // the value is wanted
}

func PSem() *Mechanism {
	return &Mechanism{
		Kind: schema.PSem, Family: Semaphores, Title: "POSIX named semaphores",
		Help:    "named semaphores of /dev/shm: their values, who maps them, by device and inode, and who waits",
		Columns: psemColumns(),
		Default: []string{"owner", "perms", "sval", "nwaiters", "waiters", "age", "holders"},
		Relates: proc.FileUserNeeds | proc.NeedSyscall,
		Needs:   proc.FileUserNeeds, // to find those without a name
		Collect: collectPSem,
		Relate: func(t *proc.Tick, objects []*schema.Object) []schema.Edge {
			return relatePosix(t, objects, func(row any) *PosixRow { return &row.(*PSemRow).PosixRow })
		},
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
			case r.sem.Denied:
				return schema.Refused(schema.TypeInt)
			}
			return schema.None(schema.TypeInt)
		})
	}
	return append(posixColumns(base),
		value("sval", 5, "value", func(r *row) uint32 { return r.sem.Value }),
		value("nwaiters", 8, "threads in sem_wait, as the C library counts them; one that was killed there stays counted",
			func(r *row) uint32 { return r.sem.Waiters }),
		posixHolders("processes that map it or have its file open", base),
		posixWaiters(proc.FileUserNeeds, "threads that sleep in sem_wait", base),
	)
}

func collectPSem(t *proc.Tick) ([]*schema.Object, error) {
	values := t.Wants(schema.PSem, NeedSemValues)
	sems, err := t.Host.AllPosixSems(values)
	gone, goneErr := unlinked(t, true)
	t.Fault(string(schema.PSem), goneErr)
	rows, objects := NewObjects[PSemRow](len(sems) + len(gone))
	for i, s := range sems {
		ref := nameRef(schema.PSem, s.PosixFile)
		objects[i].Ref = ref
		rows[i] = PSemRow{PosixRow: namedRow(t, ref, s.PosixFile, "/dev/shm/sem."+s.Name), sem: s, asked: values}
	}
	for i, u := range gone {
		ref := FileRef(schema.PSem, u.ID)
		objects[len(sems)+i].Ref = ref
		r := PSemRow{PosixRow: unnamedRow(t, ref, u), asked: true}
		r.FullName = "/" + r.FullName[len("/sem."):]
		rows[len(sems)+i] = r
	}
	return objects, err
}
