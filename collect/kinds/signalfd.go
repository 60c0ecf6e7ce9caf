package kinds

import (
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// SignalFDRow is a signalfd.
type SignalFDRow struct {
	descriptor
	mask  sys.SignalSet
	parse error
}

// SignalFD is the Mechanism of signalfds.
func SignalFD() *Mechanism {
	col := schema.Col[SignalFDRow]
	return &Mechanism{
		Kind: schema.SignalFD, Family: Notify, Title: "Signalfds",
		Help:       "descriptors that take signals as data; each reader gets those that were sent to itself",
		Descriptor: &proc.Descriptor{Kind: schema.SignalFD, Anon: []string{"signalfd"}},
		Columns: descriptorColumns("threads that sleep in read",
			col("mask", schema.TypeList, 30, descriptorNeeds, "signals that it takes",
				func(r *SignalFDRow) schema.Value {
					return r.infoCell(schema.TypeList, r.parse,
						func() schema.Value { return schema.List(signalNames(r.mask)) })
				})),
		Default: []string{"mask", "holders", "waiters"},
		Needs:   descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			return collectDescriptors(t, schema.SignalFD, func(d descriptor) *SignalFDRow {
				r := &SignalFDRow{descriptor: d}
				r.mask, r.parse = fdinfo.ParseSignalFD(d.info.Text)
				return r
			}), nil
		},
		Relate: relateDescriptors, Label: descriptorLabel,
	}
}

// signalNames lists the signals of a set by number.
func signalNames(set sys.SignalSet) []string {
	names := []string{}
	for n := syscall.Signal(1); n <= 64; n++ {
		if set.Has(n) {
			names = append(names, sys.SignalName(int(n)))
		}
	}
	return names
}
