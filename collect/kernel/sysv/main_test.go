package sysv_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{
		"attach": kerneltest.Attach,
		"semop":  workSemOp,
		"send":   workSend,
		"lists":  workLists,
		"peek":   workPeek,
	})
}

// workSemOp does one operation. Its arguments are id, semaphore and number.
func workSemOp(j *kerneltest.Job) {
	id, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	num, err := strconv.Atoi(j.Args[1])
	j.Check(err)
	op, err := strconv.Atoi(j.Args[2])
	j.Check(err)
	j.Ready(os.Getpid())
	j.Check(sysv.Operate(id, []sysv.SemOp{{Num: uint16(num), Op: int16(op)}}, -1))
	j.Ready("done")
}

// workSend sends one message to the queue and blocks while it is full.
func workSend(j *kerneltest.Job) {
	id, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	j.Ready()
	j.Check(sysv.MsgSend(id, 1, make([]byte, 10), 0))
	j.Ready("done")
}
