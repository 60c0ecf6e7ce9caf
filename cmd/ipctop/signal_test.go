package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// start starts a program that is killed at the test's end.
func (s *scene) start(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

func TestASecondSignal(t *testing.T) {
	onScene(t, func(s *scene) {
		soft, deaf := s.start("sleep", "1000"), s.start("sh", "-c", "trap '' TERM; sleep 1000")
		kerneltest.Eventually(t, "the shell ignores SIGTERM", func() bool {
			return strings.Contains(ipctop("--once", "proc", "--where",
				fmt.Sprintf("ppid == %d", deaf.Process.Pid)).Stdout,
				"sleep")
		})
		got := ipctop("signal", "TERM", "--yes", "--then", "kill", "--after", "100ms",
			fmt.Sprint("proc:", soft.Process.Pid), fmt.Sprint("proc:", deaf.Process.Pid))
		want := strings.NewReplacer("A", fmt.Sprint(soft.Process.Pid), "B", fmt.Sprint(deaf.Process.Pid)).Replace(
			"proc:A: SIGTERM sent to sleep (pid A)\nproc:B: SIGTERM sent to sh (pid B)\n" +
				"proc:A: it has ended: no SIGKILL needed\nproc:B: SIGKILL sent to sh (pid B)\n")
		if got.Code != 0 || got.Stdout != want {
			t.Errorf("got %+v, want %q", got, want)
		}
		for _, line := range []string{"Send SIGTERM to 2 processes, then SIGKILL after 100ms to those that stay\n",
			"  then: SIGKILL (9) after 100ms, if it has not ended: ", "Ctrl-C leaves the rest undone\n"} {
			if !strings.Contains(got.Stderr, line) {
				t.Errorf("stderr lacks %q:\n%s", line, got.Stderr)
			}
		}
		if err := deaf.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("it ended with %v, want SIGKILL", err)
		}
	})
}

func TestWrongSecondSignals(t *testing.T) {
	onScene(t, func(s *scene) {
		for _, c := range []struct {
			args []string
			says string
		}{
			{[]string{"--after", "5s"}, "--after goes with --then: nothing is to follow without it"},
			{[]string{"--then", "KILL", "--after", "soon"}, `--after: "soon" is no time to wait: say for ` +
				`example 10s or 1m30s`},
			{[]string{"--then", "KLIL"}, `--then: no such signal: "KLIL": ipctop signal --list shows all`},
		} {
			got := ipctop(append([]string{"signal", "--yes", "TERM", "proc:1"}, c.args...)...)
			if want := (commandOutput{exitUsage, "", "ipctop: " + c.says + "\n"}); got != want {
				t.Errorf("%q: %+v", c.args, got)
			}
		}
	})
}

// --container and --unit name processes in place of REFs. Each wrong use has its own words.
func TestWrongMembers(t *testing.T) {
	onScene(t, func(s *scene) {
		for _, c := range []struct {
			args []string
			code int
			says string
		}{
			{[]string{"--container", "web", "proc:1"}, exitUsage, "--container and proc:1 together: say one of them"},
			{[]string{"--unit", "a", "--where", "true"}, exitUsage, "--where and --unit together: say one of them"},
			{[]string{"--unit", ""}, exitUsage, "--unit is empty: say the name of a unit"},
			{[]string{"--container", "no\x1bsuch"}, exitFailed,
				`no process that can be seen is in a container`},
		} {
			got := ipctop(append([]string{"signal", "--yes", "TERM"}, c.args...)...)
			if c.code == exitFailed && strings.Contains(got.Stderr, ": there are: ") {
				continue // the tests run in a container
			}
			if want := (commandOutput{c.code, "", "ipctop: " + c.says + "\n"}); got != want {
				t.Errorf("%q: %+v", c.args, got)
			}
		}
	})
}
