package kinds

import (
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// EpollRow is an epoll instance.
type EpollRow struct {
	descriptor
	targets []epollTarget
}

// epollTarget is a descriptor that the instance watches. ref is the object behind it, if it is an object of ipctop.
type epollTarget struct {
	fdinfo.EpollTarget
	ref   schema.Ref // zero: not known
	proof schema.Proof
}

// targetNeeds are the needs to find the object behind a watched descriptor.
const targetNeeds = descriptorNeeds | proc.NeedFDModes | NeedSockets

// Epoll is the Mechanism of epoll instances.
func Epoll() *Mechanism {
	type row = EpollRow
	return &Mechanism{
		Kind: schema.Epoll, Family: Notify, Title: "Epoll instances",
		Help:       "who waits for which descriptors to become ready",
		Descriptor: &proc.Descriptor{Kind: schema.Epoll, Anon: []string{"eventpoll"}, Watches: true},
		Columns: descriptorColumns("threads that sleep in epoll_wait: they wait for any of what it watches",
			schema.Col("watches", schema.TypeInt, 7, descriptorNeeds, "how many descriptors it watches",
				func(r *row) schema.Value {
					return r.infoCell(schema.TypeInt, nil,
						func() schema.Value { return schema.Int(int64(len(r.targets))) })
				}),
			schema.Col("tfds", schema.TypeList, 12, descriptorNeeds,
				"descriptors that it watches, as numbered by who added them", func(r *row) schema.Value {
					return r.list(func(t *epollTarget) string { return strconv.Itoa(t.FD) })
				}),
			schema.Col("targets", schema.TypeList, 40, targetNeeds,
				"descriptors that it watches, each with its object: 7=unix:1234", func(r *row) schema.Value {
					return r.list((*epollTarget).String)
				}),
			schema.Col("events", schema.TypeList, 16, descriptorNeeds,
				"what is asked for of each target: in, pri, out, rdhup, exclusive, wakeup, oneshot, et",
				func(r *row) schema.Value {
					return r.list(func(t *epollTarget) string { return eventNames(t.Events, epollEvents()) })
				})),
		Default: []string{"watches", "targets", "holders", "waiters"},
		Needs:   descriptorNeeds, Relates: targetNeeds | proc.NeedSyscall,
		Collect: collectEpolls, Relate: relateEpolls, Label: descriptorLabel,
	}
}

func (r *EpollRow) list(word func(*epollTarget) string) schema.Value {
	return r.infoCell(schema.TypeList, nil, func() schema.Value {
		words := make([]string, 0, len(r.targets))
		for i := range r.targets {
			words = append(words, word(&r.targets[i]))
		}
		return schema.List(words)
	})
}

// String is "7=unix:1234". If the object is not known, it is "7=inode:12@8:1".
func (t *epollTarget) String() string {
	what := "inode:" + strconv.FormatUint(t.Ino, 10) + "@" + schema.FormatDev(t.Dev)
	switch {
	case !t.ref.IsZero():
		what = t.ref.String()
	case !t.HasFile:
		what = "unknown"
	}
	return strconv.Itoa(t.FD) + "=" + what
}

// epollEvents are the events of man 2 epoll_ctl, in lower case without EPOLL. The events that are always reported
// (err, hup) are missing.
func epollEvents() []eventName {
	return []eventName{{1, "in"}, {2, "pri"}, {4, "out"}, {0x2000, "rdhup"}, {1 << 28, "exclusive"},
		{1 << 29, "wakeup"},
		{1 << 30, "oneshot"}, {1 << 31, "et"}}
}

func collectEpolls(tick *proc.Tick) ([]*schema.Object, error) {
	watching := tick.Holding(schema.Epoll)
	refs := tick.FDRefs(watching)
	if tick.Wants(schema.Epoll, NeedSockets) {
		tick.SocketRefs(watching, refs)
	}
	return collectDescriptors(tick, schema.Epoll, func(d descriptor) *EpollRow {
		r := &EpollRow{descriptor: d}
		nth := map[int]int{} // number of targets seen so far, by descriptor number
		for _, t := range fdinfo.ParseEpoll(d.info.Text) {
			target := epollTarget{EpollTarget: t}
			target.ref, target.proof = watched(tick, &d, t, nth[t.FD], refs)
			nth[t.FD]++
			r.targets = append(r.targets, target)
		}
		return r
	}), nil
}

// watched finds the object behind a target, among the holders' descriptors with the same number. An inode identifies
// pipes, FIFOs and sockets. Other anonymous files share one inode. For them kcmp(2) proves the object. Without kcmp a
// descriptor with the same number is only likely to be the watched one.
func watched(tick *proc.Tick, d *descriptor, t fdinfo.EpollTarget, nth int, refs map[proc.FDKey]schema.Ref) (schema.Ref,
	schema.Proof) {
	for _, u := range d.Uses {
		for i := range u.Process.FDs {
			fd := &u.Process.FDs[i]
			if int(fd.Num) != t.FD {
				continue
			}
			target := proc.FDUse{Process: u.Process, FD: fd}
			ref, ok := refs[target.Key()]
			if !ok {
				continue
			}
			if fd.Ino != 0 {
				if !t.HasFile || fd.Ino != t.Ino || fd.Dev != 0 && fd.Dev != t.Dev {
					continue
				}
				return ref, schema.Observed
			}
			same, err := false, sys.ErrNotLive
			if tick.Host.Live() {
				same, err = process.WatchesFile(u.TID(), int(u.FD.Num), t.FD, nth, target.TID(), t.FD)
			}
			if err != nil {
				return ref, schema.Inferred
			}
			if same {
				return ref, schema.Observed
			}
		}
	}
	return schema.Ref{}, ""
}

func relateEpolls(tick *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	relateDescriptors(tick, objects, add)
	for _, o := range objects {
		for _, t := range o.Row.(*EpollRow).targets {
			if !t.ref.IsZero() {
				add(schema.Edge{From: o.Ref, To: t.ref, Rel: schema.RelWatches,
					Via: schema.EventsOnFD(t.FD, eventNames(t.Events, epollEvents())), Proof: t.proof})
			}
		}
	}
}
