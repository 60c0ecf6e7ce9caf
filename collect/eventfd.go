package collect

import (
	"math"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// eventfdRow is an eventfd.
type eventfdRow struct {
	descriptor
	kernel.EventFD
	parse error
}

func eventfdMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.EventFD, Family: Notify, Title: "Eventfds", Help: "counters that wake whoever reads them, with all who have one open",
		Columns: eventfdColumns(),
		Default: []string{"count", "semaphore", "holders", "waiters"},
		Needs:   descriptorNeeds, Relates: schema.NeedSyscall,
		Collect: collectEventFDs, Relate: relateDescriptors, Label: descriptorLabel,
	}
}

func eventfdColumns() []schema.Column {
	type row = eventfdRow
	col := schema.Col[row]
	return descriptorColumns("threads that sleep in read (it is 0) or in write (it is full)",
		col("id", schema.TypeInt, 9, descriptorNeeds, "the kernel's number, the same in every process that has it", func(r *row) schema.Value {
			if !r.HasID {
				return schema.None(schema.TypeInt)
			}
			return schema.Int(int64(r.ID))
		}),
		col("count", schema.TypeInt, 9, descriptorNeeds, "its counter; a read waits while it is 0", func(r *row) schema.Value {
			// It takes 64 bits, but who fills it does so to make writers block: 2⁶³ and more show as the largest number that a cell holds.
			return r.infoCell(schema.TypeInt, r.parse, func() schema.Value { return schema.Int(int64(min(r.Count, math.MaxInt64))) })
		}),
		col("semaphore", schema.TypeBool, 9, descriptorNeeds, "whether a read takes 1 (EFD_SEMAPHORE) rather than all", func(r *row) schema.Value {
			if !r.HasMode {
				return r.infoCell(schema.TypeBool, errNotTold, nil)
			}
			return schema.Bool(r.Semaphore)
		}))
}

// numbered is an eventfd with the descriptors on it.
type numbered struct {
	ref  schema.Ref
	uses []FDUse
}

// eventfds joins the descriptors by the kernel's number. Those whose fdinfo does not tell it are told apart by description.
func (f *Facts) eventfds() []numbered {
	if f.counters == nil {
		f.counters = f.joinEventFDs()
	}
	return f.counters
}

func (f *Facts) joinEventFDs() []numbered {
	byID := map[uint64][]FDUse{}
	var unnumbered []FDUse
	for _, u := range f.FDUses(FDEventFD, 0, 0) {
		e, err := kernel.ParseEventFD(u.Process.info[u.FD.Num].text)
		if err == nil && e.HasID {
			byID[e.ID] = append(byID[e.ID], u)
		} else {
			unnumbered = append(unnumbered, u)
		}
	}
	all := []numbered{} // not nil: they have been looked for
	for id, uses := range byID {
		all = append(all, numbered{schema.Ref{Kind: schema.EventFD, ID: id}, uses})
	}
	for _, uses := range f.byDescription(unnumbered) {
		all = append(all, numbered{descriptorRef(schema.EventFD, uses), uses})
	}
	slices.SortFunc(all, func(a, b numbered) int { return schema.CompareRefs(a.ref, b.ref) })
	return all
}

func collectEventFDs(f *Facts) ([]*schema.Object, error) {
	var objects []*schema.Object
	for _, n := range f.eventfds() {
		if d, ok := f.newDescriptor(n.ref, n.uses); ok {
			r := &eventfdRow{descriptor: d}
			r.EventFD, r.parse = kernel.ParseEventFD(d.info.text)
			objects = append(objects, &schema.Object{Ref: n.ref, Row: r})
		}
	}
	return objects, nil
}
