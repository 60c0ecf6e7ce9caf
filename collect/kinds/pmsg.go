package kinds

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PMsgRow is a POSIX message queue.
type PMsgRow struct {
	PosixRow
	Queue  posix.Queue
	asked  bool // the queue's text is wanted
	notify struct{ kind, signal schema.Value }
}

// PmsgNeeds are the needs of the holders of POSIX queues.
const PmsgNeeds = proc.NeedProcs | proc.NeedFDs | proc.NeedFDFiles

// PMsg is the Mechanism of POSIX message queues.
func PMsg() *Mechanism {
	return &Mechanism{
		Kind: schema.PMsg, Family: Queues, Title: "POSIX message queues",
		Help: "POSIX message queues of the IPC namespace, mounted or not: how full they are, who has them open, " +
			"waits on them or is to be notified",
		Costs:   []schema.Cost{{Need: NeedQueueText, Name: "queues' files"}},
		Columns: pmsgColumns(),
		Default: []string{"owner", "perms", "usedbytes", "msgs", "use", "waiters", "holders", "maxmsg", "msgsize",
			"notify", "notify_pid"},
		Relates: PmsgNeeds | proc.NeedSyscall,
		Collect: collectPMsg,
		Relate:  relatePosix,
		Gauges:  pmsgGauges,
	}
}

func pmsgColumns() []schema.Column {
	type row = PMsgRow
	base := func(r *row) *PosixRow { return &r.PosixRow }
	attr := func(id string, typ schema.Type, width int, help string,
		get func(posix.MqAttr) schema.Value) schema.Column {
		return schema.Col(id, typ, width, 0, help,
			func(r *row) schema.Value { return r.content(r.Queue.HasAttr, true, get(r.Queue.MqAttr)) })
	}
	text := func(id string, typ schema.Type, width int, help string, get func(*row) schema.Value) schema.Column {
		return schema.Col(id, typ, width, NeedQueueText, help,
			func(r *row) schema.Value { return r.content(r.Queue.HasStatus, r.asked, get(r)) })
	}
	// A read of a queue sets its change time, so the time is of no use.
	columns := slices.DeleteFunc(posixColumns(base), func(c schema.Column) bool { return c.ID == "ctime" })
	return append(columns,
		text("usedbytes", schema.TypeBytes, 9,
			"bytes of the messages in it; reading it sets the queue's access and change times",
			func(r *row) schema.Value { return schema.Bytes(r.Queue.Bytes) }),
		attr("msgs", schema.TypeInt, 6, "messages in it",
			func(a posix.MqAttr) schema.Value { return schema.Int(a.Messages) }),
		attr("maxmsg", schema.TypeInt, 6, "messages that it takes before senders block",
			func(a posix.MqAttr) schema.Value { return schema.Int(a.MaxMsg) }),
		attr("msgsize", schema.TypeBytes, 7, "bytes of the longest message that it takes",
			func(a posix.MqAttr) schema.Value { return schema.Bytes(uint64(a.MsgSize)) }),
		attr("use", schema.TypeFloat, 5, "percent of maxmsg in use", func(a posix.MqAttr) schema.Value {
			if a.MaxMsg == 0 {
				return schema.None(schema.TypeFloat)
			}
			return schema.Float(float64(a.Messages) / float64(a.MaxMsg) * 100)
		}).Titled("USE%"),
		text("notify", schema.TypeString, 6, "how somebody is told of the next message (mq_notify): "+
			"signal, thread, none",
			func(r *row) schema.Value { return r.notify.kind }),
		text("notify_signal", schema.TypeString, 8, "the signal of that",
			func(r *row) schema.Value { return r.notify.signal }),
		text("notify_pid", schema.TypeInt, 10, "who is told; blank for nobody or outside this pid namespace",
			func(r *row) schema.Value { return proc.PID(r.Queue.NotifyPID) }),
		schema.Col("holders", schema.TypeEndpoints, 24, PmsgNeeds, "descriptors on it",
			func(r *row) schema.Value { return r.Holders }),
		schema.Col("ns", schema.TypeInt, 10, 0, "inode of the IPC namespace that it is in",
			func(r *row) schema.Value { return r.Place.Inode() }),
		schema.Col("ns_leader", schema.TypeString, 18, LeaderNeeds, proc.NsLeaderHelp,
			func(r *row) schema.Value { return r.Place.Leader }),
		posixWaiters(PmsgNeeds, "threads blocked in mq_send (it is full) or mq_receive (it is empty)", base),
	)
}

// content makes a cell of a value from the queue's text, or of the reason why it is missing.
func (r *PMsgRow) content(has, asked bool, v schema.Value) schema.Value {
	switch {
	case has:
		return v
	case !asked:
		return schema.Uncollected(v.Type())
	case r.Queue.Denied || r.Queue.Unread != nil:
		return schema.Refused(v.Type())
	}
	return schema.None(v.Type())
}

func collectPMsg(t *proc.Tick) ([]*schema.Object, error) {
	text := t.Wants(schema.PMsg, NeedQueueText)
	queues, err := t.Host.AllPosixQueues(true, text)
	groups, n := inSpaces(t, queues, func(c *ipcContent) []posix.Queue { return c.posix })
	rows, objects := NewObjects[PMsgRow](n)
	var lost unreadContent
	i := 0
	for _, g := range groups {
		for _, q := range g.list {
			ref := nameRef(schema.PMsg, q.PosixFile)
			ref.Space = g.place.Space
			objects[i].Ref = ref
			rows[i] = PMsgRow{PosixRow: namedRow(t, ref, q.PosixFile, "/"+q.Name), Queue: q, asked: text}
			lost.add(q.Unread)
			r := &rows[i]
			r.Place = g.place
			r.Holders = schema.Uncollected(schema.TypeEndpoints)
			if t.Gathered(ref, PmsgNeeds) {
				r.Holders = t.Holders(r.Users.FDs, nil)
			}
			r.notify.kind, r.notify.signal = notification(q.MqStatus)
			i++
		}
	}
	lost.report(t, schema.PMsg, "contents of %d queues")
	return objects, err
}

// notification puts struct sigevent into words (man 3type sigevent).
func notification(s posix.MqStatus) (kind, signal schema.Value) {
	kind, signal = schema.None(schema.TypeString), schema.None(schema.TypeString)
	if s.NotifyPID == 0 {
		return kind, signal
	}
	const bySignal, byNothing, byThread = 0, 1, 2
	switch s.Notify {
	case bySignal:
		return schema.String("signal"), schema.String(sys.SignalName(s.Signo))
	case byNothing:
		return schema.String("none"), signal
	case byThread:
		return schema.String("thread"), signal
	}
	return kind, signal
}

func pmsgGauges(t *proc.Tick) ([]schema.Gauge, error) {
	limits, err := t.Host.MqLimits()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the kernel has no POSIX queues
	}
	if err != nil {
		return nil, err
	}
	queues, err := t.Host.AllPosixQueues(false, false)
	if sys.Denied(err) {
		return nil, nil // Collect reports the error to readers of queues
	}
	if err != nil {
		return nil, err
	}
	return []schema.Gauge{{Kind: schema.PMsg, What: "POSIX queues", Used: uint64(len(queues)), Limit: limits.QueuesMax,
		Type: schema.TypeInt, Knob: "fs.mqueue.queues_max"}}, nil
}
