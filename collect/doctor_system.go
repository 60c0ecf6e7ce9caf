package collect

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// tasks compares the machine's threads with what limits them (copy_process in kernel/fork.c, alloc_pid in kernel/pid.c).
func tasks(x *examination) []schema.Finding {
	n, err := x.host.Tasks()
	if !x.read("/proc/loadavg", err) {
		return nil
	}
	var all []schema.Finding
	for _, knob := range []string{"kernel.threads-max", "kernel.pid_max"} {
		limit, ok := x.sysctl(knob)
		if !ok {
			continue
		}
		all = append(all, limitUse{what: "processes and threads of the machine", used: n, limit: limit, by: knob, fails: "fork and pthread_create fail with EAGAIN",
			evidence: []string{"counted by /proc/loadavg, zombies among them"},
			advice:   "See who has most: `ipctop --once proc --sort -nlwp`. To allow more: " + x.raise(knob, limit)}.findings()...)
	}
	return all
}

// terminals compares the pseudoterminals with their limit (devpts_new_index in fs/devpts/inode.c): some are kept for the machine's own devpts.
func terminals(x *examination) []schema.Finding {
	most, ok := x.sysctl("kernel.pty.max")
	used, has := x.sysctl("kernel.pty.nr")
	if !ok || !has {
		return nil
	}
	return limitUse{what: "pseudoterminals", used: used, limit: most, by: "kernel.pty.max", fails: "posix_openpt fails with ENOSPC: no login, no terminal window",
		evidence: []string{"counted by kernel.pty.nr"}, advice: "See who has them: `ipctop --once pty`. To allow more: " + x.raise("kernel.pty.max", most)}.findings()
}

// commitment is what the kernel promised of memory, which limits only where vm.overcommit_memory is 2 (proc_sys_vm(5)).
func commitment(x *examination) []schema.Finding {
	mode, ok := x.sysctl("vm.overcommit_memory")
	if !ok || mode != 2 {
		return nil
	}
	m, err := x.host.Memory()
	if !x.read("/proc/meminfo", err) {
		return nil
	}
	return limitUse{what: "memory that may be promised", used: m.Committed, limit: m.CommitLimit, bytes: true, by: "CommitLimit",
		fails:    "shmget, mmap, ftruncate on shared memory and fork fail with ENOMEM",
		evidence: []string{"vm.overcommit_memory is 2: no more is promised than CommitLimit of /proc/meminfo; Committed_AS is promised"},
		advice:   "Raise vm.overcommit_ratio or vm.overcommit_kbytes, add swap, or free segments that nobody uses: `ipctop leaks`"}.findings()
}

// tcpTotals are TCP's own limits (Documentation/networking/ip-sysctl.rst).
func tcpTotals(x *examination) []schema.Finding {
	ends := map[string]struct{ what, fails string }{
		"net.ipv4.tcp_max_orphans":    {"TCP connections that no process holds any more", "they are reset without their last data"},
		"net.ipv4.tcp_max_tw_buckets": {"TCP connections in TIME-WAIT", "others end without it, and a late packet may reach the next one"},
		"net.ipv4.tcp_mem":            {"memory of TCP", "no socket gets memory: connections stall and packets are dropped"},
	}
	var all []schema.Finding
	for _, g := range x.snap.Gauges {
		if end, ok := ends[g.Knob]; ok && g.Kind == schema.Inet {
			all = append(all, limitUse{what: end.what, used: g.Used, limit: g.Limit, bytes: g.Type == schema.TypeBytes, by: g.Knob, fails: end.fails,
				never: g.Knob == "net.ipv4.tcp_max_tw_buckets", evidence: []string{"counted by /proc/net/sockstat"}, advice: "See the sockets: `ipctop --once inet`. The sysctl " + g.Knob + " allows more."}.findings()...)
		}
	}
	return all
}

// fullQueues are queues in which senders sleep, or will with the next message.
func fullQueues(x *examination) []schema.Finding {
	var all []schema.Finding
	most, _ := x.sysctl("kernel.msgmnb")
	rowsOf(x, schema.Msg, func(ref schema.Ref, r *msgRow) {
		if !r.HasQBytes {
			return
		}
		q := fullQueue{ref: ref, call: "msgsnd", used: r.CBytes, limit: r.QBytes, waiters: r.waiters, last: x.lastReceiver(r)}
		q.says = fmt.Sprintf("it holds %s in %s, and takes %s (qbytes)", inBytesWords(r.CBytes), counted(r.QNum, "message"), inBytesWords(r.QBytes))
		q.advice = fmt.Sprintf("Find out why nobody receives: `ipctop waits`; `ipctop peek %s` shows the messages. A longer queue takes msgctl IPC_SET, up to kernel.msgmnb (%d).", ref, most)
		all = append(all, q.findings()...)
	})
	rowsOf(x, schema.PMsg, func(ref schema.Ref, r *pmsgRow) {
		a := r.queue.MqAttr
		if !r.queue.HasAttr || a.MaxMsg <= 0 || a.Messages < 0 {
			return
		}
		q := fullQueue{ref: ref, call: "mq_send", used: uint64(a.Messages), limit: uint64(a.MaxMsg), waiters: r.waiters, last: "it is open in " + holdersWords(r.holders)}
		q.says = fmt.Sprintf("it holds %s, and takes %d (mq_maxmsg)", counted(q.used, "message"), a.MaxMsg)
		q.advice = "Find out why nobody receives: `ipctop waits`. A queue's mq_maxmsg is set when it is made."
		all = append(all, q.findings()...)
	})
	return all
}

// fullQueue is a queue that may be full.
type fullQueue struct {
	ref                      schema.Ref
	call, says, last, advice string
	used, limit              uint64
	waiters                  schema.Value
}

func (q fullQueue) findings() []schema.Finding {
	f := schema.Finding{Kind: "queue", Severity: schema.Warning, Proof: schema.Observed, Refs: []schema.Ref{q.ref}, Evidence: []string{q.says, q.last}, Advice: q.advice}
	senders := 0
	for _, e := range q.waiters.Endpoints() {
		if e.Mode == q.call {
			senders++
			f.Refs = append(f.Refs, e.Ref())
			f.Evidence = append(f.Evidence, fmt.Sprintf("%d/%s, thread %d, sleeps in %s", e.PID, e.Comm, e.TID, q.call))
		}
	}
	f.Evidence = firstOf(8, f.Evidence)
	switch {
	case senders > 0:
		f.Says = fmt.Sprintf("%s is full: %s in %s until somebody receives", q.ref, plural(senders, "a thread sleeps", fmt.Sprintf("%d threads sleep", senders)), q.call)
	case q.used >= q.limit:
		f.Says = fmt.Sprintf("%s is full: the next %s blocks, or fails with EAGAIN", q.ref, q.call)
	case q.used >= q.limit-q.limit/10:
		f.Severity = schema.Info
		f.Says = fmt.Sprintf("%s is nearly full (%d %%): soon %s blocks, or fails with EAGAIN", q.ref, percent(q.used, q.limit), q.call)
	default:
		return nil
	}
	return []schema.Finding{f}
}

// lastReceiver says who received last, and whether it lives.
func (x *examination) lastReceiver(r *msgRow) string {
	if r.RTime == 0 {
		return "nobody has ever received from it"
	}
	words := fmt.Sprintf("process %d received last", r.LRPid)
	if r.LRPid == 0 {
		return "a process outside this pid namespace received last"
	}
	for _, o := range x.snap.Objects[schema.Proc] {
		if p := o.Row.(*procRow); p.PID == int(r.LRPid) {
			if p.started.Unix() > r.RTime+1 {
				return words + "; its pid is another process's by now"
			}
			return words + ": " + p.Comm + ", which lives"
		}
	}
	if x.host.Live() && kernel.ProcessExists(int(r.LRPid)) {
		return words
	}
	return words + ", and is gone"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
