package doctor

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// queueCost is the cost in bytes of a POSIX queue under RLIMIT_MSGQUEUE (getrlimit(2); mqueue_get_inode in
// ipc/mqueue.c). The kernel counts the messages and a struct msg_msg for each. It also counts a struct
// posix_msg_tree_node for each, at most MQ_PRIO_MAX of them. Both structs have 48 bytes on 64-bit machines.
func queueCost(maxMsg, msgSize uint64) uint64 {
	const header, node, priorities = 48, 48, 32768
	return maxMsg*(header+msgSize) + min(maxMsg, priorities)*node
}

// usualMsgQueue is the limit in bytes of the first process of a machine (MQ_BYTES_MAX in include/uapi/linux/mqueue.h).
// Every process inherits the limit until somebody changes it.
const usualMsgQueue = 819200

// msgQueueLimit is the limit on the bytes of a user's POSIX queues.
type msgQueueLimit struct {
	bytes uint64
	of    string
	none  bool // no process of the user was seen: the limit of the next one is a guess
}

// msgQueueLimits returns the limit for each user. The kernel takes the limit of the process that makes a queue. So this
// takes the lowest limit of the user's processes. A user without processes gets the limit that children of pid 1 get.
func (x *examination) msgQueueLimits() func(uid uint32) msgQueueLimit {
	limits := map[uint32]msgQueueLimit{}
	next := msgQueueLimit{bytes: usualMsgQueue, of: "the usual RLIMIT_MSGQUEUE", none: true}
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *kinds.ProcRow) {
		l, ok := x.processLimits()[r.PID]
		if !ok {
			return
		}
		of := fmt.Sprintf("RLIMIT_MSGQUEUE of %d/%s", r.PID, r.Comm)
		if r.PID == 1 {
			next.bytes, next.of = l.MsgQueue, of
		}
		uid := r.Status.UID[0]
		if known, has := limits[uid]; r.StatusKnown && (!has || l.MsgQueue < known.bytes) {
			limits[uid] = msgQueueLimit{bytes: l.MsgQueue, of: of}
		}
	})
	return func(uid uint32) msgQueueLimit {
		if l, ok := limits[uid]; ok {
			return l
		}
		return next
	}
}

// queueBytes compares the POSIX queues of each user with RLIMIT_MSGQUEUE. Queues outlive the processes that made them,
// so users without processes count, too. Queues in other IPC namespaces count as well. Only a snapshot of all
// namespaces has them.
func queueBytes(x *examination) []schema.Finding {
	sum, refs := tally{}, map[uint32][]schema.Ref{}
	for _, o := range x.snap.Objects[schema.PMsg] {
		r := o.Row.(*kinds.PMsgRow)
		if a := r.Queue.MqAttr; r.Queue.HasAttr && a.MaxMsg > 0 && a.MsgSize > 0 {
			sum[r.UID] += queueCost(uint64(a.MaxMsg), uint64(a.MsgSize))
			refs[r.UID] = append(refs[r.UID], o.Ref)
		}
	}
	if len(sum) == 0 {
		return nil
	}
	limitOf := x.msgQueueLimits()
	mq, err := x.host.MqLimits()
	x.read("fs.mqueue", err)
	usual := queueCost(mq.MsgDefault, mq.MsgSizeDefault)
	var all []schema.Finding
	for _, uid := range slices.Sorted(maps.Keys(sum)) {
		l := limitOf(uid)
		if l.bytes == math.MaxUint64 {
			continue
		}
		u := limitUse{what: fmt.Sprintf("bytes in POSIX queues of user %s", x.users.User(uid)), used: sum[uid],
			limit: l.bytes, bytes: true, by: l.of, fails: "mq_open fails with EMFILE",
			refs: refs[uid], guessed: l.none, least: usual,
			evidence: []string{fmt.Sprintf("%s of that user are seen; one made without attributes takes %s",
				schema.Counted(uint64(len(refs[uid])), "queue"), inBytesWords(usual))},
			advice: "Remove queues that nobody uses (`ipctop leaks`), make them with a smaller mq_maxmsg or " +
				"mq_msgsize, or raise LimitMSGQUEUE= of the unit (`ulimit -q`)."}
		if l.none {
			u.evidence = append(u.evidence, "no process of that user was seen; the next one is taken to get that limit")
		}
		if u.used < u.limit && u.limit-u.used < usual {
			u.evidence = append(u.evidence,
				fmt.Sprintf("%s are left: too little for one made without attributes", inBytesWords(u.limit-u.used)))
		}
		all = append(all, u.findings()...)
	}
	return all
}
