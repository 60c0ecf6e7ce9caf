package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// A process that --where found is left alone if the condition does not hold any more after the answer.
func TestWhereHoldsAfterTheAnswer(t *testing.T) {
	onScene(t, func(*scene) {
		sleep := exec.Command("sleep", "1000")
		if err := sleep.Start(); err != nil {
			t.Fatal(err)
		}
		defer sleep.Wait()
		defer sleep.Process.Kill()
		pid := sleep.Process.Pid
		state := func(want string) {
			t.Helper()
			kerneltest.Eventually(t, "the state is "+want, func() bool {
				text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
				return err == nil && strings.Contains(string(text), "(sleep) "+want+" ")
			})
		}
		state("S")
		if err := sleep.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		state("T")
		no := false
		f := planFlags{where: `comm == "sleep" and state == "T"`, yes: true, readOnly: &no}
		var out, errs bytes.Buffer
		cmd := &cobra.Command{}
		cmd.SetOut(&out)
		cmd.SetErr(&errs)
		cmd.SetContext(context.Background())
		a, err := f.start(cmd, 0)
		if err != nil {
			t.Fatal(err)
		}
		mechs := mechanismsOf(func(k schema.Kind) bool { return k == schema.Proc })
		refs, err := a.targets(nil, mechs)
		if err != nil || len(refs) != 1 {
			t.Fatal(refs, err)
		}
		kill, err := actions.ParseSignal("KILL")
		if err != nil {
			t.Fatal(err)
		}
		plan, err := a.planner.Signal(kill, refs, actions.Holders)
		if err != nil {
			t.Fatal(err)
		}
		defer plan.Close()
		if plan, err = a.stillMatching(plan, mechs); err != nil || len(plan.Steps) != 1 {
			t.Fatal(plan.Lines(), err)
		}
		if err := sleep.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		state("S")
		var exit *exitError
		if err := a.perform(plan); !errors.As(err, &exit) || exit.code != exitFailed {
			t.Errorf("ended with %v", err)
		}
		want := fmt.Sprintf("ipctop: proc:%d: refused: changed since it was shown: --where does not hold for it any "+
			"more: look at it again\n", pid)
		if out.Len() > 0 || !strings.HasSuffix(errs.String(), want) {
			t.Errorf("did %q, said %q, want %q", out.String(), errs.String(), want)
		}
		state("S")
	})
}
