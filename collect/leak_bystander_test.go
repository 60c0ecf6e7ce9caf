package collect

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// workCalled changes its name.
func workCalled(j *kerneltest.Job) {
	j.Check(os.WriteFile("/proc/self/comm", []byte(j.Args[0]), 0))
	j.Ready()
	j.Wait()
}

// A process chooses its own name. A reader who may not see its program cannot rule it out by its name. An older process
// with another name is a possible user.
func TestProcessWithABystandersName(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs processes of two users")
		}
		s := newSysVScene(t)
		other := &syscall.Credential{Uid: 1235, Gid: 1235}
		called := kerneltest.StartAs(t, other, "called", "screen")
		creator := kerneltest.StartAs(t, other, "create-segment")
		creator.Finish()
		ref := "shm:" + creator.Words[0]
		s.wantVerdict(ref, relate.Suspect, unattached, died("creator", creator),
			s.possibleUser(called.PID, 1235, time.Unix(s.segment(creator.Words[0]).CTime, 0)))
		s.wantJudgement("to an ordinary user", s.verdictsAsUser(1234, schema.Shm)[ref], relate.Unknown, unattached,
			died("creator", creator),
			fmt.Sprintf("whether these are the programs that they are called after, which know no objects, "+
				"could not be read: %d/screen", called.PID))
	})
}
