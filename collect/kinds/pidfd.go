package kinds

import (
	"fmt"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PidFDRow is a pidfd.
type PidFDRow struct {
	descriptor
	fdinfo.PidFD
	parse  error
	target *proc.Process // nil: gone, or not seen
}

// The words of a pidfd's status. If its process is there, the status is blank.
const (
	PidFDReaped  = "reaped"  // the process has ended, and its parent has waited for it
	PidFDOutside = "outside" // the process is not in the reader's pid namespace
)

// PidFD is the Mechanism of pidfds.
func PidFD() *Mechanism {
	return &Mechanism{
		Kind: schema.PidFD, Family: Notify, Title: "Pidfds",
		Help:       "descriptors that stand for a process: who may signal it safely, and is told of its end",
		Descriptor: &proc.Descriptor{Kind: schema.PidFD, Anon: []string{"pidfd"}},
		Columns:    pidfdColumns(),
		Default:    []string{"pid", "comm", "status", "holders"},
		Needs:      descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			return collectDescriptors(t, schema.PidFD, func(d descriptor) *PidFDRow {
				r := &PidFDRow{descriptor: d}
				r.PidFD, r.parse = fdinfo.ParsePidFD(d.info.Text)
				r.target = t.Process(r.PID)
				return r
			}), nil
		},
		Relate: relatePidFDs,
		Label: func(o *schema.Object) string {
			r := o.Row.(*PidFDRow)
			if r.target == nil {
				return descriptorLabel(o)
			}
			return fmt.Sprintf("%s → %s", descriptorLabel(o), r.target.Comm)
		},
	}
}

func pidfdColumns() []schema.Column {
	type row = PidFDRow
	col := func(id string, typ schema.Type, width int, help string, get func(*row) schema.Value) schema.Column {
		return schema.Col(id, typ, width, descriptorNeeds, help, func(r *row) schema.Value {
			return r.infoCell(typ, r.parse, func() schema.Value { return get(r) })
		})
	}
	return descriptorColumns("",
		col("pid", schema.TypeInt, 7, "process that it stands for",
			func(r *row) schema.Value { return proc.PID(max(0, r.PID)) }),
		col("comm", schema.TypeString, 16, "that process's command name", func(r *row) schema.Value {
			if r.target == nil {
				return schema.None(schema.TypeString)
			}
			return schema.String(r.target.Comm)
		}),
		col("status", schema.TypeString, 8,
			"reaped: the process has ended and was waited for; outside: it is not in this pid namespace",
			func(r *row) schema.Value {
				return WordValue(map[int]string{-1: PidFDReaped, 0: PidFDOutside}[r.PID])
			}),
		col("nspid", schema.TypeList, 12, "the process's pids, from this pid namespace inwards",
			func(r *row) schema.Value {
				pids := []string{}
				for _, pid := range r.NSPID {
					pids = append(pids, strconv.Itoa(pid))
				}
				return schema.List(pids)
			}),
		col("target", schema.TypeRef, 12, "that process as an object", func(r *row) schema.Value {
			if r.target == nil {
				return schema.None(schema.TypeRef)
			}
			return schema.RefValue(r.target.Ref())
		}))
}

func relatePidFDs(t *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	relateDescriptors(t, objects, add)
	for _, o := range objects {
		if r := o.Row.(*PidFDRow); r.target != nil {
			add(schema.Edge{From: o.Ref, To: r.target.Ref(), Rel: schema.RelWatches, Proof: schema.Observed})
		}
	}
}
