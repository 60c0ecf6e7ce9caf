package kinds

import (
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// MsgRow is a message queue.
type MsgRow struct {
	sysv.MsgQueue
	Owners  IPCOwners
	age     schema.Value
	Waiters schema.Value
}

// Msg is the Mechanism of System V message queues.
func Msg() *Mechanism {
	return &Mechanism{
		Kind: schema.Msg, Family: Queues, Title: "System V message queues",
		Help:    "message queues: how full they are, who sent and received last, and who is blocked on them",
		Columns: msgColumns(),
		Default: []string{"key", "owner", "perms", "usedbytes", "msgs", "qbytes", "use", "lspid", "lrpid",
			"waiters", "age"},
		OnDemand: []string{"waiters"},
		Relates:  proc.NeedProcs | proc.NeedSyscall,
		Collect:  collectMsg,
		Relate:   relateMsg,
		Gauges:   msgGauges,
		Label:    func(o *schema.Object) string { return keyLabel(o.Row.(*MsgRow).IPCPerm) },
	}
}

func msgColumns() []schema.Column {
	type row = MsgRow
	col := schema.Col[row]
	return append(ownerColumns(func(r *row) *IPCOwners { return &r.Owners }),
		col("usedbytes", schema.TypeBytes, 9, 0, "bytes in the queue",
			func(r *row) schema.Value { return schema.Bytes(r.CBytes) }),
		countColumn("msgs", 6, "messages in the queue", func(r *row) uint64 { return r.QNum }),
		col("qbytes", schema.TypeBytes, 7, 0, "bytes that it takes before senders block", func(r *row) schema.Value {
			if !r.HasQBytes {
				return schema.Uncollected(schema.TypeBytes)
			}
			return schema.Bytes(r.QBytes)
		}),
		col("use", schema.TypeFloat, 5, 0, "percent of qbytes in use", func(r *row) schema.Value {
			switch {
			case !r.HasQBytes:
				return schema.Uncollected(schema.TypeFloat)
			case r.QBytes == 0:
				return schema.None(schema.TypeFloat)
			}
			return schema.Float(float64(r.CBytes) / float64(r.QBytes) * 100)
		}).Titled("USE%"),
		pidColumn("lspid", "pid of the last msgsnd; blank for nobody or outside this pid namespace",
			func(r *row) int32 { return r.LSPid }),
		pidColumn("lrpid", "pid of the last msgrcv; blank for nobody or outside this pid namespace",
			func(r *row) int32 { return r.LRPid }),
		timeColumn("send", "when a message was last sent", func(r *row) int64 { return r.STime }),
		timeColumn("recv", "when a message was last received", func(r *row) int64 { return r.RTime }),
		timeColumn("ctime", "when it was made or its owner, permissions or limit changed",
			func(r *row) int64 { return r.CTime }),
		col("age", schema.TypeDuration, 7, 0, "time since ctime", func(r *row) schema.Value { return r.age }),
		col("waiters", schema.TypeEndpoints, 24, proc.NeedProcs|proc.NeedSyscall, "threads blocked in msgsnd or msgrcv",
			func(r *row) schema.Value { return r.Waiters }),
	)
}

func collectMsg(t *proc.Tick) ([]*schema.Object, error) {
	queues, err := t.Host.MsgQueues(true)
	groups, n := inSpaces(t, queues, func(c *ipcContent) []sysv.MsgQueue { return c.queues })
	rows, objects := NewObjects[MsgRow](n)
	i := 0
	for _, g := range groups {
		for _, q := range g.list {
			ref := SysvRef(schema.Msg, g.place, q.IPCPerm, q.CTime)
			objects[i].Ref = ref
			rows[i] = MsgRow{
				MsgQueue: q, Owners: owners(t, q.IPCPerm, g.place), age: t.Age(q.CTime),
				Waiters: t.WaitersValue(ref, t.WaitersOf(SysvWait(ref)), false),
			}
			i++
		}
	}
	return objects, err
}

func relateMsg(t *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		r := o.Row.(*MsgRow)
		proc.WaitEdges(o.Ref, t.WaitersOf(SysvWait(o.Ref)), add)
		userEdge(t, r.LSPid, r.STime, o.Ref, schema.RelLastUsed, "msgsnd", add)
		userEdge(t, r.LRPid, r.RTime, o.Ref, schema.RelLastUsed, "msgrcv", add)
	}
}

func msgGauges(t *proc.Tick) ([]schema.Gauge, error) {
	info, err := t.Host.MsgInfo()
	if err != nil {
		return nil, err
	}
	return []schema.Gauge{
		{Kind: schema.Msg, What: "queues", Used: info.Queues, Limit: info.MNI, Type: schema.TypeInt,
			Knob: "kernel.msgmni"},
		{Kind: schema.Msg, What: "messages", Used: info.Messages, Type: schema.TypeInt},
	}, nil
}
