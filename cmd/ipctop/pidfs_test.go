package main

import (
	"os/exec"
	"strings"
	"testing"
)

// signal takes the PID:INODE that the column pidfs prints, and refuses the pid with another inode.
func TestSignalByPidfsInode(t *testing.T) {
	onScene(t, func(s *scene) {
		sleeper := exec.Command("sleep", "100")
		if err := sleeper.Start(); err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSpace(outputOf(t, 0, "--once", "proc", "--no-headings", "--columns", "pidfs",
			"--where", `comm == "sleep"`))
		if text == "-" {
			sleeper.Process.Kill()
			sleeper.Wait()
			t.Skip("needs pidfs (Linux 6.9)")
		}
		pid, inode, _ := strings.Cut(text, ":")
		for _, ref := range []string{"proc:" + text + "0", text + "0", "proc:1:" + inode} {
			out := ipctop("signal", "--yes", "TERM", ref)
			const other = " belongs to another process now: its pidfd has"
			if out.Code != exitFailed || !strings.Contains(out.Stderr, other) {
				t.Errorf("signal %s: %+v", ref, out)
			}
		}
		if out := ipctop("signal", "--yes", "TERM", "proc:"+pid+":0"); out.Code != exitUsage {
			t.Errorf("inode 0: %+v", out)
		}
		if out := ipctop("signal", "--dry-run", "TERM", "proc:"+text); out.Code != 0 {
			t.Errorf("dry run: %+v", out)
		}
		if out := ipctop("signal", "--yes", "TERM", text); out.Code != 0 {
			t.Errorf("signal %s: %+v", text, out)
			sleeper.Process.Kill()
		}
		if err := sleeper.Wait(); err == nil || err.Error() != "signal: terminated" {
			t.Errorf("the process ended with %v", err)
		}
	})
}
