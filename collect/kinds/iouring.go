package kinds

import (
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// IOUringRow is an io_uring instance.
type IOUringRow struct {
	descriptor
	fdinfo.IOUring
	parse error
}

// IOUring is the Mechanism of io_uring instances.
func IOUring() *Mechanism {
	type row = IOUringRow
	num := func(id string, help string, get func(*row) int) schema.Column {
		return schema.Col(id, schema.TypeInt, 10, descriptorNeeds, help, func(r *row) schema.Value {
			return r.infoCell(schema.TypeInt, r.parse, func() schema.Value { return schema.Int(int64(get(r))) })
		})
	}
	return &Mechanism{
		Kind: schema.IOUring, Family: Notify, Title: "io_uring instances",
		Help:       "rings of requests and completions: their sizes, what is pending, who waits",
		Descriptor: &proc.Descriptor{Kind: schema.IOUring, Anon: []string{"io_uring"}, Hidden: registeredFiles},
		Columns: descriptorColumns("threads that sleep in io_uring_enter",
			num("sq_entries", "size of the submission ring", func(r *row) int { return int(r.SQEntries) }),
			num("sq_pending", "submissions that the kernel has not taken yet, as the process says",
				func(r *row) int { return int(r.SQPending) }),
			num("cq_entries", "size of the completion ring", func(r *row) int { return int(r.CQEntries) }),
			num("cq_pending", "completions that the process has not seen yet, as it says",
				func(r *row) int { return int(r.CQPending) }),
			schema.Col("sq_thread", schema.TypeInt, 9, descriptorNeeds,
				"kernel thread that polls the submission ring (IORING_SETUP_SQPOLL)", func(r *row) schema.Value {
					return r.infoCell(schema.TypeInt, r.parse,
						func() schema.Value { return proc.PID(max(0, r.SQThread)) })
				}),
			num("user_files", "registered files", func(r *row) int { return r.UserFiles }),
			num("user_bufs", "registered buffers", func(r *row) int { return r.UserBufs })),
		Default: []string{"sq_entries", "sq_pending", "cq_entries", "cq_pending", "holders", "waiters"},
		Needs:   descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			return collectDescriptors(t, schema.IOUring, func(d descriptor) *row {
				r := &row{descriptor: d}
				r.IOUring, r.parse = fdinfo.ParseIOUring(d.info.Text)
				return r
			}), nil
		},
		Relate: relateDescriptors, Label: descriptorLabel,
	}
}

// registeredFiles counts the files that are registered with a ring. If fdinfo has no lines about files, the ring has
// no files.
func registeredFiles(text []byte) proc.HiddenFiles {
	info, _ := fdinfo.ParseIOUring(text)
	return proc.HiddenFiles{Registered: info.UserFiles}
}
