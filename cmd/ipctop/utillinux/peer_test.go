package utillinux

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// result is the output of a command line, and its exit code.
type result struct {
	Stdout, Stderr string
	Code           int
}

// ours runs a face in the process of the test.
func ours(argv ...string) result {
	var stdout, stderr bytes.Buffer
	code, ok := Run(Process{
		Args: argv, Stdout: &stdout, Stderr: &stderr, Getenv: os.Getenv, Version: testVersion, Changes: direct,
	})
	if !ok {
		code = -1
	}
	return result{stdout.String(), stderr.String(), code}
}

// theirs runs the installed util-linux, with the same argv[0] as ours.
func theirs(t testing.TB, argv ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", argv, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// needPeer skips a comparison with util-linux if util-linux is not installed. The output of its ipcs has not changed
// since 2.38.
func needPeer(t testing.TB) {
	t.Helper()
	out, err := exec.Command("ipcs", "-V").Output()
	if err != nil || !strings.HasPrefix(string(out), "ipcs from util-linux") {
		t.Skipf("needs util-linux's ipcs to compare with: %q, %v", out, err)
	}
}

// needReference skips a comparison if the installed release is not 2.38: other releases answer differently.
func needReference(t testing.TB) {
	t.Helper()
	needPeer(t)
	if out, _ := exec.Command("ipcs", "-V").Output(); !strings.Contains(string(out), " 2.38.") {
		t.Skipf("needs util-linux 2.38, to which this is held: %s", out)
	}
}

// same runs a command line through util-linux and through ours, and compares the results.
func same(t testing.TB, argv ...string) {
	t.Helper()
	equal(t, fmt.Sprintf("%q", argv), func() (result, result) { return theirs(t, argv...), ours(argv...) })
}

// equal runs both and compares. The day can change and processes can end between the two, so it runs both again after a
// difference.
func equal[T any](t testing.TB, what string, run func() (theirs, ours T)) {
	t.Helper()
	var diff string
	for range 2 {
		theirs, ours := run()
		if diff = cmp.Diff(theirs, ours); diff == "" {
			return
		}
	}
	t.Fatalf("%s differs from util-linux (-theirs +ours):\n%s", what, diff)
}

// words splits a command line at blanks.
func words(line string) []string { return strings.Fields(line) }
