package collect

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// semRow is a semaphore set.
type semRow struct {
	kernel.SemSet
	owners                 ipcOwners
	age                    schema.Value
	semval, ncount, zcount schema.Value
	waiters, undo          schema.Value
	values                 []kernel.SemValue // nil: not read
}

func semMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Sem, Family: Semaphores, Title: "System V semaphore sets",
		Help:     "semaphore sets: their values, who changed them last, and who is blocked on them",
		Columns:  semColumns(),
		Default:  []string{"key", "owner", "perms", "nsems", "otime", "ctime", "waiters", "age", "app"},
		OnDemand: []string{"semval", "ncount", "zcount", "waiters", "undo"},
		Relates:  schema.NeedProcs | schema.NeedSyscall,
		Collect:  collectSem,
		Relate:   relateSem,
		Gauges:   semGauges,
		Label:    func(o *schema.Object) string { return keyLabel(o.Row.(*semRow).IPCPerm) },
	}
}

func semColumns() []schema.Column {
	type row = semRow
	col := schema.Col[row]
	return append(ownerColumns(func(r *row) *ipcOwners { return &r.owners }),
		countColumn("nsems", 6, "semaphores in the set", func(r *row) uint64 { return r.NSems }),
		timeColumn("otime", "when a semop last succeeded", func(r *row) int64 { return r.OTime }),
		timeColumn("ctime", "when it was made, its owner or permissions changed, or a value was set (SETVAL, SETALL)",
			func(r *row) int64 { return r.CTime }),
		col("age", schema.TypeDuration, 7, 0, "time since ctime", func(r *row) schema.Value { return r.age }),
		col("semval", schema.TypeList, 30, schema.NeedSemValues,
			"per semaphore: [number]=value, where not 0 how many wait for it to rise (ncount) and for zero (zcount), pid of the last change",
			func(r *row) schema.Value { return r.semval }),
		col("ncount", schema.TypeInt, 6, schema.NeedSemValues, "tasks that wait for a semaphore of the set to rise",
			func(r *row) schema.Value { return r.ncount }),
		col("zcount", schema.TypeInt, 6, schema.NeedSemValues, "tasks that wait for a semaphore of the set to be zero",
			func(r *row) schema.Value { return r.zcount }),
		col("waiters", schema.TypeEndpoints, 24, schema.NeedProcs|schema.NeedSyscall, "threads blocked in semop",
			func(r *row) schema.Value { return r.waiters }),
		col("undo", schema.TypeEndpoints, 24, schema.NeedUndo,
			"who holds semaphores with SEM_UNDO: [number]+1 is what the process's end would give back; takes CAP_BPF and CAP_PERFMON",
			func(r *row) schema.Value { return r.undo }),
	)
}

func collectSem(f *Facts) ([]*schema.Object, error) {
	sets, err := f.Host.SemSets()
	groups, n := inSpaces(f, sets, func(c *ipcContent) []kernel.SemSet { return c.sets })
	rows, objects := newObjects[semRow](n)
	i := 0
	for _, g := range groups {
		for _, s := range g.list {
			ref := sysvRef(schema.Sem, g.place, s.IPCPerm, s.CTime)
			objects[i].Ref = ref
			r := &rows[i]
			*r = semRow{SemSet: s, owners: f.owners(s.IPCPerm, g.place), age: f.Age(s.CTime)}
			tasks, counted := f.semValues(ref, r)
			waiters := f.waitersOf(sysvWait(ref))
			r.undo = f.undoValue(ref)
			r.waiters = f.waitersValue(ref, waiters, counted && len(waiters) >= tasks)
			i++
		}
	}
	return objects, err
}

// semValues fills what the semaphores themselves tell, and gives the number of blocked tasks if that could be read.
func (f *Facts) semValues(ref schema.Ref, r *semRow) (tasks int, counted bool) {
	fill := func(value func(schema.Type) schema.Value) {
		r.semval, r.ncount, r.zcount = value(schema.TypeList), value(schema.TypeInt), value(schema.TypeInt)
	}
	if !f.WantsFor(ref, schema.NeedSemValues) {
		fill(schema.Uncollected)
		return 0, false
	}
	var values []kernel.SemValue
	err := f.inIPCSpace(ref, func() (err error) {
		values, err = f.Host.SemValues(r.ID, int(r.NSems))
		return err
	})
	switch {
	case kernel.Denied(err):
		fill(schema.Refused)
		return 0, false
	case kernel.Gone(err):
		fill(schema.None)
		return 0, false
	case err != nil:
		f.Fault(string(schema.Sem), err)
		fill(schema.Uncollected)
		return 0, false
	}
	r.values = values
	var n, z int
	lines := make([]string, len(values))
	for i, v := range values {
		n, z = n+v.NCount, z+v.ZCount
		lines[i] = semWords(v)
	}
	r.semval, r.ncount, r.zcount = schema.List(lines), schema.Int(int64(n)), schema.Int(int64(z))
	return n + z, true
}

// semWords tells a semaphore without blanks: "[1]=0/ncount=2/pid=42". Counts of nobody and the pid of nobody are left out.
func semWords(v kernel.SemValue) string {
	words := fmt.Sprintf("[%d]=%d", v.Num, v.Value)
	for _, part := range []struct {
		name string
		n    int
	}{{"ncount", v.NCount}, {"zcount", v.ZCount}, {"pid", int(v.Pid)}} {
		if part.n != 0 {
			words += fmt.Sprintf("/%s=%d", part.name, part.n)
		}
	}
	return words
}

func relateSem(f *Facts, objects []*schema.Object) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		edges = append(edges, waitEdges(o.Ref, f.waitersOf(sysvWait(o.Ref)))...)
		edges = append(edges, f.undoEdges(o.Ref)...)
	}
	return edges
}

func semGauges(f *Facts) ([]schema.Gauge, error) {
	info, err := f.Host.SemInfo()
	if err != nil {
		return nil, err
	}
	return []schema.Gauge{
		{Kind: schema.Sem, What: "sets", Used: info.Sets, Limit: info.MNI, Type: schema.TypeInt, Knob: "kernel.sem"},
		{Kind: schema.Sem, What: "semaphores", Used: info.Semaphores, Limit: info.MNS, Type: schema.TypeInt, Knob: "kernel.sem"},
	}, nil
}
