package utillinux

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

func TestMain(m *testing.M) {
	// Tests must not write into a person's journal. Nobody can make a directory in /proc, so there is no journal.
	os.Setenv("XDG_STATE_HOME", "/dev/null")
	// If its name is the name of a face, the test binary runs this face.
	if code, ok := Run(Process{Args: os.Args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		Version: testVersion, Changes: direct}); ok {
		os.Exit(code)
	}
	kerneltest.Main(m, kerneltest.Workers{"attach": workAttach, "make": workMake})
}

// direct gives the changes of ipctop.
func direct(host *kernel.Host, argv []string) Changes {
	journal := func() *actions.Journal { return actions.NewJournal(host, argv, os.Getenv, time.Now) }
	return actions.NewDirect(host, journal, actions.ReadOnly(os.Getenv))
}

// workAttach maps the segments with the given ids and waits.
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

// workMake makes a segment and a set, and waits. Both remember its pid. The tests look for its arguments.
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
