package main

import (
	"flag"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/demo"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// asProgram makes the test binary run as ipctop.
const asProgram = "IPCTOP_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if code, ok := demo.Worker(os.Args); ok {
		os.Exit(code)
	}
	if os.Getenv(asProgram) != "" {
		main()
	}
	kerneltest.Workers{"crowd": crowdWorker}.Work()
	if kerneltest.IsInit() { // here nobody would remove the directory of testscript
		os.Exit(tests{m}.Run())
	}
	testscript.Main(tests{m}, map[string]func(){"ipctop": main}) // ends the process
}

// tests runs the tests of this package with the same environment for every user.
type tests struct{ *testing.M }

func (t tests) Run() int {
	time.Local = time.UTC
	os.Setenv("XDG_CONFIG_HOME", "/proc/none") // go list cannot make a directory there either
	return t.M.Run()
}

// program makes a command that runs ipctop in another process. The process ends with the test.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "TZ=UTC")
	return cmd
}
