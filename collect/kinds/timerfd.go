package kinds

import (
	"strconv"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// TimerFDRow is a timerfd.
type TimerFDRow struct {
	descriptor
	fdinfo.TimerFD
	parse error
}

// TimerFD is the Mechanism of timerfds.
func TimerFD() *Mechanism {
	return &Mechanism{
		Kind: schema.TimerFD, Family: Notify, Title: "Timerfds",
		Help:       "timers that wake whoever reads them: by which clock, when next, how often",
		Descriptor: &proc.Descriptor{Kind: schema.TimerFD, Anon: []string{"timerfd"}},
		Columns:    timerfdColumns(),
		Default:    []string{"clockid", "remaining", "interval", "ticks", "holders", "waiters"},
		Needs:      descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			return collectDescriptors(t, schema.TimerFD, func(d descriptor) *TimerFDRow {
				r := &TimerFDRow{descriptor: d}
				r.TimerFD, r.parse = fdinfo.ParseTimerFD(d.info.Text)
				return r
			}), nil
		},
		Relate: relateDescriptors, Label: descriptorLabel,
	}
}

func timerfdColumns() []schema.Column {
	type row = TimerFDRow
	col := func(id string, typ schema.Type, width int, help string, get func(*row) schema.Value) schema.Column {
		return schema.Col(id, typ, width, descriptorNeeds, help, func(r *row) schema.Value {
			return r.infoCell(typ, r.parse, func() schema.Value { return get(r) })
		})
	}
	// span is blank for 0: the timer is not armed, or does not repeat.
	span := func(d time.Duration) schema.Value {
		if d == 0 {
			return schema.None(schema.TypeDuration)
		}
		return schema.Duration(d)
	}
	return descriptorColumns("threads that sleep in read",
		col("clockid", schema.TypeString, 14, "clock: realtime, monotonic, boottime, realtime-alarm, boottime-alarm",
			func(r *row) schema.Value { return schema.String(clockName(r.Clock)) }),
		col("remaining", schema.TypeDuration, 9,
			"until it expires; blank: it is not armed, or has expired and was not read since",
			func(r *row) schema.Value { return span(r.Remaining) }),
		col("interval", schema.TypeDuration, 9, "between expirations; blank: it expires once",
			func(r *row) schema.Value { return span(r.Interval) }),
		col("ticks", schema.TypeInt, 6, "expirations that nobody has read yet",
			func(r *row) schema.Value { return schema.Int(int64(r.Ticks)) }),
		col("absolute", schema.TypeBool, 8, "whether it was set to a moment (TFD_TIMER_ABSTIME) rather than to a span",
			func(r *row) schema.Value { return schema.Bool(r.Flags&1 != 0) }))
}

// clockName is lsfd's word for a clock (man 2 timerfd_create), or a number for another clock.
func clockName(clock int) string {
	switch clock {
	case 0:
		return "realtime"
	case 1:
		return "monotonic"
	case 7:
		return "boottime"
	case 8:
		return "realtime-alarm"
	case 9:
		return "boottime-alarm"
	}
	return strconv.Itoa(clock)
}
