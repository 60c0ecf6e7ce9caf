package utillinux

import (
	"os"
	"strconv"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestMain(m *testing.M) {
	// Under a face's name the test binary is that face.
	if code, ok := Run(Process{Args: os.Args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Version: testVersion}); ok {
		os.Exit(code)
	}
	kerneltest.Main(m, kerneltest.Workers{"attach": workAttach})
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

func testVersion() string { return "v1" }
