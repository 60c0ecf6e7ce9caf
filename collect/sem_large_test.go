package collect

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// The largest set that the kernel makes by default (SEMMSL, man 2 semget) shows every semaphore, and the highest value
// (SEMVMX).
func TestLargestSemaphoreSet(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		const size, last, highest = 32000, 31999, 32767
		set := s.id(s.admin.SemGet(sysv.KeyPrivate, size, createIPC|0o600))
		s.check(s.admin.SemOp(set, []sysv.SemOp{{Num: 16000, Op: 1}, {Num: last, Op: highest}}, -1))
		rising := kerneltest.Start(t, "semop", fmt.Sprint(set), fmt.Sprint(last-1), "-1")
		zero := kerneltest.Start(t, "semop", fmt.Sprint(set), fmt.Sprint(last), "0")
		waiting := holders(s.waits(rising.PID, s.sleepsIn(rising.PID), "semop"),
			s.waits(zero.PID, s.sleepsIn(zero.PID), "semop"))

		want := make([]string, size)
		for i := range want {
			want[i] = fmt.Sprintf("[%d]=0", i)
		}
		want[16000] = fmt.Sprintf("[16000]=1/pid=%d", s.self.PID)
		want[last-1] += "/ncount=1"
		want[last] = fmt.Sprintf("[%d]=%d/zcount=1/pid=%d", last, highest, s.self.PID)
		now, err := s.host.SemStat(set)
		s.check(err)
		rows, edges := s.look(schema.Sem, proc.NeedProcs|proc.NeedSyscall|kinds.NeedSemValues)
		s.equal("rows", map[string]cells{fmt.Sprintf("sem:%d", set): s.owned(now.IPCPerm, now.CTime, cells{
			"nsems": schema.Int(size), "otime": schema.UnixTime(now.OTime), "semval": schema.List(want),
			"ncount": schema.Int(1), "zcount": schema.Int(1), "waiters": waiting,
		})}, rows)
		wantEdges := []string{
			fmt.Sprintf("proc:%d waits_on sem:%d semop [%d] -1 observed", rising.PID, set, last-1),
			fmt.Sprintf("proc:%d waits_on sem:%d semop [%d] +0 observed", zero.PID, set, last),
		}
		slices.Sort(wantEdges)
		s.equal("edges", wantEdges, edges)
	})
}
