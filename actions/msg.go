package actions

import (
	"cmp"
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

func (s *survey) removeMsg(r schema.Ref) (Step, error) {
	q, err := s.host.MsgStat(int(r.ID))
	if err != nil {
		return Step{}, err
	}
	if err := checkSameObject(r, q.CTime); err != nil {
		return Step{}, err
	}
	if err := s.mayRemove(q.IPCPerm); err != nil {
		return Step{}, err
	}
	st := Step{Ref: r, Equivalent: fmt.Sprintf("ipcrm -q %d", q.ID)}
	st.Victim = s.named("message queue", q.IPCPerm)
	if q.QNum > 0 {
		st.Affected = append(st.Affected,
			fmt.Sprintf("%s (%s) %s lost", schema.Counted(q.QNum, "message"), schema.Counted(q.CBytes, "byte"),
				schema.Plural(q.QNum, "is", "are")))
	}
	used := len(st.Affected)
	s.waiters(&st, -1)
	for _, last := range []struct {
		pid  int32
		sec  int64
		role string
	}{{q.LSPid, q.STime, "last sender"}, {q.LRPid, q.RTime, "last receiver"}} {
		if line, lives := s.lastUser(last.pid, last.sec, last.role); lives {
			st.Affected = append(st.Affected, line)
		}
	}
	live := len(st.Affected) > used
	st.confirm(live, q.ID)
	st.Says = st.Victim + " is destroyed at once; " + removalWakes("msgsnd or msgrcv", live)
	if !live {
		s.waitersReason(r)
	}
	st.object = msgFacts(q, !live)
	id := q.ID
	st.do = guarded(msgGuard(q, !live), func() (sysv.MsgQueue, error) {
		now, err := s.host.MsgStat(id)
		return msgGuard(now, !live), err
	}, func(q sysv.MsgQueue) facts { return msgFacts(q, !live) }, func() error { return s.admin.MsgRemove(id) },
		"removed")
	s.saveMsg(&st, q)
	st.back.same = func() error {
		now, err := s.host.MsgStat(id)
		return cmp.Or(err, msgFacts(q, false).unchanged(msgFacts(now, false)))
	}
	return st, nil
}

// msgGuard leaves out of a queue what msgFacts does not guard.
func msgGuard(q sysv.MsgQueue, idle bool) sysv.MsgQueue {
	if !idle {
		q.QNum, q.CBytes, q.LSPid, q.LRPid, q.STime, q.RTime = 0, 0, 0, 0, 0, 0
	}
	return q
}

// msgFacts guards the traffic of a queue if the plan showed it as idle: any message since then proves a user. If the
// plan showed the queue in use, the person has agreed to cut its traffic, so traffic does not refuse the removal.
// Otherwise a busy queue could never be removed.
func msgFacts(q sysv.MsgQueue, idle bool) facts {
	return append(perm(q.IPCPerm), facts{
		{"ctime", moment(q.CTime), true}, {"qbytes", q.QBytes, true},
		{"msgs", q.QNum, idle}, {"usedbytes", q.CBytes, idle}, {"lspid", q.LSPid, idle}, {"lrpid", q.LRPid, idle},
		{"send", moment(q.STime), idle}, {"recv", moment(q.RTime), idle},
	}...)
}
