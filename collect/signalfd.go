package collect

import (
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// signalfdRow is a signalfd.
type signalfdRow struct {
	descriptor
	mask  kernel.SignalSet
	parse error
}

func signalfdMechanism() *Mechanism {
	col := schema.Col[signalfdRow]
	return &Mechanism{
		Kind: schema.SignalFD, Family: Notify, Title: "Signalfds", Help: "descriptors that take signals as data; each reader gets those that were sent to itself",
		Descriptor: &Descriptor{Kind: schema.SignalFD, Anon: []string{"signalfd"}},
		Columns: descriptorColumns("threads that sleep in read",
			col("mask", schema.TypeList, 30, descriptorNeeds, "signals that it takes", func(r *signalfdRow) schema.Value {
				return r.infoCell(schema.TypeList, r.parse, func() schema.Value { return schema.List(signalNames(r.mask)) })
			})),
		Default: []string{"mask", "holders", "waiters"},
		Needs:   descriptorNeeds, Relates: schema.NeedSyscall,
		Collect: func(f *Facts) ([]*schema.Object, error) {
			return collectDescriptors(f, schema.SignalFD, func(d descriptor) *signalfdRow {
				r := &signalfdRow{descriptor: d}
				r.mask, r.parse = kernel.ParseSignalFD(d.info.text)
				return r
			}), nil
		},
		Relate: relateDescriptors, Label: descriptorLabel,
	}
}

// signalNames lists a set's signals by number.
func signalNames(set kernel.SignalSet) []string {
	names := []string{}
	for n := syscall.Signal(1); n <= 64; n++ {
		if set.Has(n) {
			names = append(names, kernel.SignalName(int(n)))
		}
	}
	return names
}
