package kinds

import (
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// SemRow is a semaphore set.
type SemRow struct {
	sysv.SemSet
	Owners                 IPCOwners
	age                    schema.Value
	SemVal, ncount, zcount schema.Value
	waiters, Undo          schema.Value
	Values                 []sysv.SemValue // nil: not read
	Blocked                []proc.Waiter   // threads blocked in semop, if waits were read
}

// Sem is the Mechanism of System V semaphore sets.
func Sem() *Mechanism {
	return &Mechanism{
		Kind: schema.Sem, Family: Semaphores, Title: "System V semaphore sets",
		Help: "semaphore sets: their values, who changed them last, and who is blocked on them",
		Costs: []schema.Cost{{Need: NeedSemValues, Name: "semaphore values"},
			{Need: NeedUndo, Name: "semaphore undo"}},
		Columns:  semColumns(),
		Default:  []string{"key", "owner", "perms", "nsems", "otime", "ctime", "waiters", "age"},
		OnDemand: []string{"semval", "ncount", "zcount", "waiters", "holders", "undo"},
		Relates:  proc.NeedProcs | proc.NeedSyscall,
		Collect:  collectSem,
		Relate:   relateSem,
		Gauges:   semGauges,
		Label:    func(o *schema.Object) string { return keyLabel(o.Row.(*SemRow).IPCPerm) },
	}
}

func semColumns() []schema.Column {
	type row = SemRow
	col := schema.Col[row]
	return append(ownerColumns(func(r *row) *IPCOwners { return &r.Owners }),
		countColumn("nsems", 6, "semaphores in the set", func(r *row) uint64 { return r.NSems }),
		timeColumn("otime", "when a semop last succeeded", func(r *row) int64 { return r.OTime }),
		timeColumn("ctime", "when it was made, its owner or permissions changed, or a value was set (SETVAL, SETALL)",
			func(r *row) int64 { return r.CTime }),
		col("age", schema.TypeDuration, 7, 0, "time since ctime", func(r *row) schema.Value { return r.age }),
		col("semval", schema.TypeList, 30, NeedSemValues,
			"per semaphore: [number]=value, where not 0 how many wait for it to rise (ncount) and for zero "+
				"(zcount), pid of the last change",
			func(r *row) schema.Value { return r.SemVal }),
		col("ncount", schema.TypeInt, 6, NeedSemValues, "tasks that wait for a semaphore of the set to rise",
			func(r *row) schema.Value { return r.ncount }),
		col("zcount", schema.TypeInt, 6, NeedSemValues, "tasks that wait for a semaphore of the set to be zero",
			func(r *row) schema.Value { return r.zcount }),
		col("waiters", schema.TypeEndpoints, 24, proc.NeedProcs|proc.NeedSyscall, "threads blocked in semop",
			func(r *row) schema.Value { return r.waiters }),
		col("holders", schema.TypeEndpoints, 24, NeedUndo, "the processes of undo, under the name that "+
			"other kinds have",
			func(r *row) schema.Value { return r.Undo }),
		col("undo", schema.TypeEndpoints, 24, NeedUndo,
			"who holds semaphores with SEM_UNDO: [number]+1 is what the process's end would give back; "+
				"takes CAP_BPF and CAP_PERFMON",
			func(r *row) schema.Value { return r.Undo }),
	)
}

func collectSem(t *proc.Tick) ([]*schema.Object, error) {
	sets, err := t.Host.SemSets()
	groups, n := inSpaces(t, sets, func(c *ipcContent) []sysv.SemSet { return c.sets })
	rows, objects := NewObjects[SemRow](n)
	i := 0
	for _, g := range groups {
		for _, s := range g.list {
			ref := SysvRef(schema.Sem, g.place, s.IPCPerm, s.CTime)
			objects[i].Ref = ref
			r := &rows[i]
			*r = SemRow{SemSet: s, Owners: owners(t, s.IPCPerm, g.place), age: t.Age(s.CTime)}
			tasks, counted := semValues(t, ref, r)
			waiters := t.WaitersOf(SysvWait(ref))
			r.Undo, r.Blocked = undoValue(t, ref), waiters
			r.waiters = t.WaitersValue(ref, waiters, counted && len(waiters) >= tasks)
			i++
		}
	}
	return objects, err
}

// semValues reads the values of the semaphores. It returns the number of blocked tasks, if that is readable.
func semValues(t *proc.Tick, ref schema.Ref, r *SemRow) (tasks int, counted bool) {
	fill := func(value func(schema.Type) schema.Value) {
		r.SemVal, r.ncount, r.zcount = value(schema.TypeList), value(schema.TypeInt), value(schema.TypeInt)
	}
	if !t.WantsFor(ref, NeedSemValues) {
		fill(schema.Uncollected)
		return 0, false
	}
	var values []sysv.SemValue
	err := InIPCSpace(t, ref, func() (err error) {
		values, err = SemValues(t, r.ID, int(r.NSems))
		return err
	})
	switch {
	case sys.Denied(err):
		fill(schema.Refused)
		return 0, false
	case sys.Gone(err):
		fill(schema.None)
		return 0, false
	case err != nil:
		t.Fault(string(schema.Sem), err)
		fill(schema.Uncollected)
		return 0, false
	}
	r.Values = values
	var n, z int
	lines := make([]string, len(values))
	for i, v := range values {
		n, z = n+v.NCount, z+v.ZCount
		lines[i] = semWords(v)
	}
	r.SemVal, r.ncount, r.zcount = schema.List(lines), schema.Int(int64(n)), schema.Int(int64(z))
	return n + z, true
}

// SemValues reads every semaphore of a set in the thread's IPC namespace.
func SemValues(t *proc.Tick, id, nsems int) ([]sysv.SemValue, error) {
	buffer := proc.Memo(t, func(*proc.Tick) *sysv.SemBuffer { return new(sysv.SemBuffer) })
	return t.Host.SemValuesIn(buffer, id, nsems)
}

// semWords describes a semaphore without blanks: "[1]=0/ncount=2/pid=42". It leaves out counts of 0 and a pid of 0.
func semWords(v sysv.SemValue) string {
	words := strconv.AppendInt([]byte{'['}, int64(v.Num), 10)
	words = strconv.AppendUint(append(words, "]="...), uint64(v.Value), 10)
	for _, part := range [...]struct {
		name string
		n    int
	}{{"/ncount=", v.NCount}, {"/zcount=", v.ZCount}, {"/pid=", int(v.Pid)}} {
		if part.n != 0 {
			words = strconv.AppendInt(append(words, part.name...), int64(part.n), 10)
		}
	}
	return string(words)
}

func relateSem(t *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		proc.WaitEdges(o.Ref, t.WaitersOf(SysvWait(o.Ref)), add)
		undoEdges(t, o.Ref, add)
	}
}

func semGauges(t *proc.Tick) ([]schema.Gauge, error) {
	info, err := t.Host.SemInfo()
	if err != nil {
		return nil, err
	}
	return []schema.Gauge{
		{Kind: schema.Sem, What: "sets", Used: info.Sets, Limit: info.MNI, Type: schema.TypeInt, Knob: "kernel.sem"},
		{Kind: schema.Sem, What: "semaphores", Used: info.Semaphores, Limit: info.MNS, Type: schema.TypeInt,
			Knob: "kernel.sem"},
	}, nil
}
