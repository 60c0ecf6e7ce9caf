package kinds

import (
	"math"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// EventFDRow is an eventfd.
type EventFDRow struct {
	descriptor
	fdinfo.EventFD
	parse error
}

// EventFD is the Mechanism of eventfds.
func EventFD() *Mechanism {
	return &Mechanism{
		Kind: schema.EventFD, Family: Notify, Title: "Eventfds",
		Help:       "counters that wake whoever reads them, with all who have one open",
		Descriptor: &proc.Descriptor{Kind: schema.EventFD, Anon: []string{"eventfd"}, Identity: EventFDIdentity},
		Columns:    eventfdColumns(),
		Default:    []string{"count", "semaphore", "holders", "waiters"},
		Needs:      descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: collectEventFDs, Relate: relateDescriptors, Label: descriptorLabel,
	}
}

func eventfdColumns() []schema.Column {
	type row = EventFDRow
	col := schema.Col[row]
	return descriptorColumns("threads that sleep in read (it is 0) or in write (it is full)",
		col("id", schema.TypeInt, 9, descriptorNeeds, "the kernel's number, the same in every process that has it",
			func(r *row) schema.Value {
				if !r.HasID {
					return schema.None(schema.TypeInt)
				}
				return schema.Int(int64(r.ID))
			}),
		col("count", schema.TypeInt, 9, descriptorNeeds, "its counter; a read waits while it is 0",
			func(r *row) schema.Value {
				// The counter has 64 bits. A program fills it that far only to make writers block. So 2⁶³ and more show
				// as the largest number of a cell.
				return r.infoCell(schema.TypeInt, r.parse,
					func() schema.Value { return schema.Int(int64(min(r.Count, math.MaxInt64))) })
			}),
		col("semaphore", schema.TypeBool, 9, descriptorNeeds, "whether a read takes 1 (EFD_SEMAPHORE) rather than all",
			func(r *row) schema.Value {
				if !r.HasMode {
					return r.infoCell(schema.TypeBool, proc.ErrNotTold, nil)
				}
				return schema.Bool(r.Semaphore)
			}))
}

// EventFDIdentity reads eventfd-id, which fdinfo has since Linux 5.2 (eventfd_show_fdinfo, fs/eventfd.c).
func EventFDIdentity(info []byte) (schema.Ref, bool) {
	e, err := fdinfo.ParseEventFD(info)
	return schema.Ref{Kind: schema.EventFD, ID: e.ID}, err == nil && e.HasID
}

func collectEventFDs(t *proc.Tick) ([]*schema.Object, error) {
	var objects []*schema.Object
	for _, d := range descriptors(t, schema.EventFD) {
		r := &EventFDRow{descriptor: d}
		r.EventFD, r.parse = fdinfo.ParseEventFD(d.info.Text)
		objects = append(objects, &schema.Object{Ref: d.ref, Row: r})
	}
	return objects, nil
}
