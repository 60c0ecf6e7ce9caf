package doctor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// manyFindings is the largest number of findings of one sort. One more finding counts the rest.
const manyFindings = 10

// fullQueues finds queues in which senders sleep, or will sleep soon.
func fullQueues(x *examination) []schema.Finding {
	var queues []fullQueue
	rowsOf(x, schema.Msg, func(ref schema.Ref, r *kinds.MsgRow) {
		if r.HasQBytes {
			queues = append(queues,
				fullQueue{ref: ref, call: "msgsnd", used: r.CBytes, limit: r.QBytes, waiters: r.Waiters,
					tell: func() ([]string, string) { return x.msgQueue(ref, r) }})
		}
	})
	rowsOf(x, schema.PMsg, func(ref schema.Ref, r *kinds.PMsgRow) {
		if a := r.Queue.MqAttr; r.Queue.HasAttr && a.MaxMsg > 0 && a.Messages >= 0 {
			queues = append(queues,
				fullQueue{ref: ref, call: "mq_send", used: uint64(a.Messages), limit: uint64(a.MaxMsg),
					waiters: r.Waiters, tell: func() ([]string, string) {
						return []string{fmt.Sprintf("it holds %s, and takes %d (mq_maxmsg)",
								schema.Counted(uint64(a.Messages), "message"),
								a.MaxMsg), "it is open in " + holdersWords(r.Holders)},
							"Find out why nobody receives: `ipctop waits`. A queue's mq_maxmsg is set when it is made."
					}})
		}
	})
	queues = slices.DeleteFunc(queues,
		func(q fullQueue) bool { return len(q.senders()) == 0 && q.used < q.limit-q.limit/10 })
	slices.SortStableFunc(queues, func(a, b fullQueue) int { return cmp.Compare(len(b.senders()), len(a.senders())) })
	var all []schema.Finding
	for _, q := range queues[:min(manyFindings, len(queues))] {
		all = append(all, q.finding())
	}
	if rest := queues[len(all):]; len(rest) > 0 {
		f := schema.Finding{Kind: "queue", Severity: schema.Info, Proof: schema.Observed,
			Says:   fmt.Sprintf("%d more queues are full or nearly so", len(rest)),
			Advice: "See them all: `ipctop --once queues --where 'use >= 90'`"}
		for _, q := range rest {
			f.Refs = append(f.Refs, q.ref)
		}
		all = append(all, f)
	}
	return all
}

// msgQueue gives the evidence and the advice for a System V queue.
func (x *examination) msgQueue(ref schema.Ref, r *kinds.MsgRow) (evidence []string, advice string) {
	most, _ := x.sysctl("kernel.msgmnb")
	return []string{fmt.Sprintf("it holds %s in %s, and takes %s (qbytes)", inBytesWords(r.CBytes),
			schema.Counted(r.QNum, "message"), inBytesWords(r.QBytes)), x.lastReceiver(r)},
		fmt.Sprintf("Find out why nobody receives: `ipctop waits`; `ipctop peek %s` shows the messages. "+
			"For a longer queue `ipctop set %s qbytes=…`, up to kernel.msgmnb (%d).", ref, ref, most)
}

// fullQueue is a queue that may be full.
type fullQueue struct {
	ref         schema.Ref
	call        string
	used, limit uint64
	waiters     schema.Value
	tell        func() (evidence []string, advice string)
}

// senders are the threads that wait for room in the queue.
func (q fullQueue) senders() []schema.Endpoint {
	return slices.DeleteFunc(slices.Clone(q.waiters.Endpoints()),
		func(e schema.Endpoint) bool { return e.Mode != q.call })
}

func (q fullQueue) finding() schema.Finding {
	f := schema.Finding{Kind: "queue", Severity: schema.Warning, Proof: schema.Observed, Refs: []schema.Ref{q.ref}}
	f.Evidence, f.Advice = q.tell()
	senders := q.senders()
	for _, e := range senders {
		f.Refs = append(f.Refs, e.Ref())
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d/%s, thread %d, sleeps in %s", e.PID, e.Comm, e.TID, q.call))
	}
	f.Evidence = firstOf(8, f.Evidence)
	switch {
	case len(senders) > 0:
		f.Says = fmt.Sprintf("%s is full: %s in %s until somebody receives", q.ref,
			schema.Plural(len(senders), "a thread sleeps", fmt.Sprintf("%d threads sleep", len(senders))), q.call)
	case q.used >= q.limit:
		f.Says = fmt.Sprintf("%s is full: the next %s blocks, or fails with EAGAIN", q.ref, q.call)
	default:
		f.Severity = schema.Info
		f.Says = fmt.Sprintf("%s is nearly full (%d %%): soon %s blocks, or fails with EAGAIN", q.ref,
			percent(q.used, q.limit), q.call)
	}
	return f
}

// lastReceiver names the process that received last, and tells whether it still runs.
func (x *examination) lastReceiver(r *kinds.MsgRow) string {
	if r.RTime == 0 {
		return "nobody has ever received from it"
	}
	words := fmt.Sprintf("process %d received last", r.LRPid)
	if r.LRPid == 0 {
		return "a process outside this pid namespace received last"
	}
	for _, o := range x.snap.Objects[schema.Proc] {
		if p := o.Row.(*kinds.ProcRow); p.PID == int(r.LRPid) {
			if p.Started.Unix() > r.RTime+1 {
				return words + "; its pid is another process's by now"
			}
			return words + ": " + p.Comm + ", which lives"
		}
	}
	if x.host.Live() && process.ProcessExists(int(r.LRPid)) {
		return words
	}
	return words + ", and is gone"
}
