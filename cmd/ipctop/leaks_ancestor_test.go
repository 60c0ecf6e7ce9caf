package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// A program that makes objects and asks ipctop about them could still use them. It is no bystander, although it is an
// ancestor of ipctop and reads its output. A launcher between the two makes no difference. The agent here is a shell
// script.
func TestAncestorWithObjectsIsNoBystander(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		agent := func(before string) string {
			t.Helper()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := exec.LookPath("timeout"); err != nil {
				t.Skip(err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c",
				`"$0" ipcmk -S 1 >/dev/null; f=/dev/shm/agent; echo data >$f; mkfifo $f.fifo; `+
					`out=$(`+before+` "$0" leaks sem pshm fifo --grace 0s); rm $f $f.fifo; echo "$$ sh"; echo "$out"`,
				self)
			cmd.Env = append(os.Environ(), asProgram+"=1", "TZ=UTC")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatal(err, string(out))
			}
			return string(out)
		}
		for _, before := range []string{"", "timeout 100"} {
			got := agent(before)
			pid, _, _ := strings.Cut(got, " ")
			knows := "    - could still know it: " + pid + "/sh, user "
			if n := strings.Count(got, knows); n != 3 || strings.Contains(got, "/timeout, user ") {
				t.Errorf("%q: the agent is named as possible user of %d of 3 objects:\n%s", before, n, got)
			}
			outputOf(t, 0, "rm", "--yes", "--where", `kind == "sem"`)
		}
	})
}
