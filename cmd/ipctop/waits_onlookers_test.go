package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Who waits for the look itself has no row in it: the shell that started ipctop, and the programs behind it in a
// pipeline.
func TestWaitsForTheLookAreNoRows(t *testing.T) {
	onScene(t, func(s *scene) {
		for _, line := range []string{
			`"$0" waits --where '%' | cat; true`,
			`"$0" waits --where '%' 2>&1 | cat | cat; true`,
			`out=$("$0" waits --where '%'); echo "$out"`,
			`sh -c '"$0" waits --where "$1"; true' "$0" '%' | cat; true`,
		} {
			p := program(t)
			cmd := exec.Command("sh", "-c", strings.ReplaceAll(line, "%", `comm == "sh" or comm == "cat"`), p.Path)
			cmd.Env = p.Env
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("REF  STATUS  WAITING  PROOF  WAITS\n", string(out)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", line, diff)
			}
		}
	})
}
