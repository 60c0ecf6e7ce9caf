package utillinux

import (
	"os"
	"strconv"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

func TestMain(m *testing.M) {
	// What tests remove has no place in anybody's journal: no directory can be made there.
	os.Setenv("XDG_STATE_HOME", "/dev/null")
	// Under a face's name the test binary is that face.
	if code, ok := Run(Process{Args: os.Args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		Version: testVersion}); ok {
		os.Exit(code)
	}
	kerneltest.Main(m, kerneltest.Workers{"attach": workAttach, "make": workMake})
}

// workAttach maps the segments whose ids it is given and waits.
func workAttach(j *kerneltest.Job) {
	for _, arg := range j.Args {
		id, err := strconv.Atoi(arg)
		j.Check(err)
		_, err = kernel.NewAdmin().ShmAttach(id, false)
		j.Check(err)
	}
	j.Ready()
	j.Wait()
}

// workMake makes a segment and a set, both of which remember its pid, and waits. Its arguments are what it is seen by.
func workMake(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	_, err := a.ShmGet(sysv.KeyPrivate, 4096, sysv.IPCCreat|0o600)
	j.Check(err)
	sem, err := a.SemGet(sysv.KeyPrivate, 2, sysv.IPCCreat|0o600)
	j.Check(err)
	j.Check(a.SemOp(sem, []sysv.SemOp{{Num: 1, Op: 1}}, 0))
	j.Ready()
	j.Wait()
}

func testVersion() string { return "v1" }
