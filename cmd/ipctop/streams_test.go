package main

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// Without standard output or standard error, rm and signal do nothing. ipcrm prints nothing, so one of both is enough.
func TestDeedsWithClosedStreams(t *testing.T) {
	onScene(t, func(s *scene) {
		for _, c := range []struct {
			streams          string
			refused, ipcrmNo bool
		}{
			{"", false, false},
			{"<&-", false, false},
			{">&-", true, false},
			{"2>&-", true, false},
			{">&- 2>&-", true, true},
			{"<&- >&- 2>&-", true, true},
			{"</dev/null >/dev/null 2>/dev/null", false, false},
			{"<>/dev/null >&0 2>&0", false, false}, // as a daemon's
		} {
			const object = "/dev/shm/victim"
			if err := os.WriteFile(object, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			code := s.sh(`rm --yes pshm:/victim ` + c.streams)
			_, err := os.Lstat(object)
			if gone := err != nil; gone == c.refused || (code != 0) != c.refused {
				t.Errorf("rm %s: exit code %d, gone %v", c.streams, code, gone)
			}
			if code := s.sh(`rm --dry-run pshm:/victim ` + c.streams); c.refused && code != 0 {
				t.Errorf("rm --dry-run %s: exit code %d", c.streams, code)
			}

			sleeper := exec.Command("sleep", "100")
			if err := sleeper.Start(); err != nil {
				t.Fatal(err)
			}
			code = s.sh("signal --yes TERM proc:" + strconv.Itoa(sleeper.Process.Pid) + " " + c.streams)
			if (code != 0) != c.refused {
				t.Errorf("signal %s: exit code %d", c.streams, code)
			}
			if !c.refused {
				sleeper.Wait() // SIGTERM ends it
			} else if err := sleeper.Process.Kill(); err != nil || sleeper.Wait().Error() != "signal: killed" {
				t.Errorf("signal %s: sent", c.streams)
			}

			id := s.shm(0)
			code = s.sh("ipcrm -m " + strconv.Itoa(id) + " " + c.streams)
			if gone := len(s.left()) == 0; gone == c.ipcrmNo || (code != 0) != c.ipcrmNo {
				t.Errorf("ipcrm %s: exit code %d, gone %v", c.streams, code, gone)
			}
			if err := s.admin.ShmRemove(id); c.ipcrmNo && err != nil {
				t.Error(err)
			}
			// A file that ipctop opens later never becomes one of the streams: its output would be written there.
			if code := s.sh("journal " + c.streams); code != 0 {
				t.Errorf("journal %s: exit code %d", c.streams, code)
			}
		}
	})
}

// sh runs ipctop by a shell, which sets up the streams. It returns the exit code.
func (s *scene) sh(words string) int {
	s.t.Helper()
	p := program(s.t)
	cmd := exec.Command("sh", "-c", `"$0" `+words, p.Path)
	cmd.Env = p.Env
	if err := cmd.Run(); cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}
