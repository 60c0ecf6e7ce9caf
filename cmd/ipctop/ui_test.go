package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// terminal is a tmux server of the test. Its one window has a shell that runs ipctop.
type terminal struct {
	t      *testing.T
	socket string
}

// patience is the longest time that a test waits for a change on a terminal.
const patience = 30 * time.Second

// openTerminal runs a shell command in a new terminal. In the command "$IPCTOP" is the program.
func openTerminal(t *testing.T, w, h int, command string, env ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Geteuid() == 0 {
			t.Fatalf("tmux is missing: .ci/run installs it: %v", err)
		}
		t.Skipf("needs tmux: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
	// remain-on-exit keeps the pane of an ended command, so that the test can read it.
	conf := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(conf, []byte("set -g remain-on-exit on\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-f", conf, "new-session", "-d", "-x", fmt.Sprint(w), "-y", fmt.Sprint(h)}
	for _, e := range append(env, asProgram+"=1", "IPCTOP="+self, "TZ=UTC", "NO_COLOR=", "HOME="+t.TempDir(),
		"XDG_STATE_HOME="+t.TempDir(), "HISTFILE=") {
		args = append(args, "-e", e)
	}
	t.Cleanup(func() { term.command("kill-server").Run() })
	term.tmux(append(args, command)...)
	return term
}

func (term *terminal) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-u", "-S", term.socket}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMUX=")
	return cmd
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	out, err := term.command(args...).CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// keys presses keys, with the names of tmux.
func (term *terminal) keys(keys ...string) {
	term.t.Helper()
	term.tmux(append([]string{"send-keys"}, keys...)...)
}

func (term *terminal) screen() string {
	term.t.Helper()
	return term.tmux("capture-pane", "-p")
}

// see waits until the screen shows all texts.
func (term *terminal) see(texts ...string) {
	term.t.Helper()
	term.wait(strings.Join(texts, " and "), func() bool {
		screen := term.screen()
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

func (term *terminal) wait(what string, ok func() bool) {
	term.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			term.t.Fatalf("waited in vain for %s:\n%s", what, term.screen())
		}
	}
}

// state gives the modes of the terminal: alternate screen, cursor, mouse, keypad.
func (term *terminal) state() string {
	term.t.Helper()
	return strings.TrimSpace(term.tmux("display-message", "-p",
		"alternate=#{alternate_on} cursor=#{cursor_flag} mouse=#{mouse_any_flag} keypad=#{keypad_flag}"))
}

const (
	saneState = "alternate=0 cursor=1 mouse=0 keypad=0"
	// script runs the dashboard and prints its exit code. It also compares all settings of the line discipline (stty
	// -g) before and after.
	script = `before=$(stty -g); "$IPCTOP" $ARGS; code=$?; after=$(stty -g); [ "$before" = "$after" ] && tty=sane ` +
		`|| tty=spoilt; echo "ended with $code, tty $tty"; exec cat`
)

// pid gives the pid of the dashboard. The dashboard is a child of the pane's shell.
func (term *terminal) pid() string {
	term.t.Helper()
	shell := strings.TrimSpace(term.tmux("display-message", "-p", "#{pane_pid}"))
	children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", shell, shell))
	if err != nil {
		term.t.Fatal(err)
	}
	return strings.TrimSpace(string(children))
}

func TestDashboardLeavesTheTerminalSane(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name string
		end  func(*terminal)
		code int
	}{
		{"q", func(term *terminal) { term.keys("q") }, 0},
		{"F10", func(term *terminal) { term.keys("F10") }, 0},
		{"Ctrl-C", func(term *terminal) { term.keys("C-c") }, 0},
		{"SIGTERM", func(term *terminal) { kill(t, "-TERM", term.pid()) }, 143},
		{"SIGHUP", func(term *terminal) { kill(t, "-HUP", term.pid()) }, 129},
		{"SIGQUIT", func(term *terminal) { kill(t, "-QUIT", term.pid()) }, 131},
		{"SIGABRT", func(term *terminal) { kill(t, "-ABRT", term.pid()) }, 134},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			term := openTerminal(t, 80, 24, script)
			term.see("1 Queues", "F1Help")
			if got := term.state(); got == saneState {
				t.Errorf("the dashboard draws on the plain screen: %s", got)
			}
			how.end(term)
			term.see(fmt.Sprintf("ended with %d, tty sane", how.code))
			if got := term.state(); got != saneState {
				t.Errorf("the terminal is left with %s", got)
			}
		})
	}
}

func kill(t *testing.T, signal, pid string) {
	t.Helper()
	if out, err := exec.Command("kill", signal, pid).CombinedOutput(); err != nil {
		t.Fatalf("kill %s %s: %v %s", signal, pid, err, out)
	}
}

// tabNumber gives the key of a family's tab.
func tabNumber(t *testing.T, f schema.Family) string {
	t.Helper()
	i := slices.IndexFunc(views.All(), func(v views.View) bool { return v.Family == f })
	if i < 0 {
		t.Fatal("no tab is called ", f)
	}
	return strconv.Itoa(i + 1)
}

func TestDashboardEndsWithItsTerminal(t *testing.T) {
	t.Parallel()
	term := openTerminal(t, 80, 24, script)
	term.see("1 Queues", "F1Help")
	pid := term.pid()
	term.tmux("kill-server")
	kerneltest.Eventually(t, "process "+pid+" to end", func() bool {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		// If the tests are pid 1, as in a container, nobody reaps the orphan. It stays a zombie.
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func TestDashboardStopsAndContinues(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skipf("needs a shell with job control: %v", err)
	}
	term := openTerminal(t, 80, 24, "exec bash --norc --noprofile -i")
	term.keys(`"$IPCTOP"`, "Enter")
	term.see("1 Queues", "F1Help")
	term.keys("C-z")
	term.see("Stopped")
	if got := term.state(); !strings.HasPrefix(got, "alternate=0 cursor=1 mouse=0") {
		t.Errorf("the shell gets the terminal with %s", got)
	}
	term.keys("fg", "Enter")
	term.see("1 Queues", "F1Help")
	term.keys("Down")
	term.keys("q")
	term.wait("the shell", func() bool { return strings.HasPrefix(term.state(), "alternate=0 cursor=1 mouse=0") })
}

func TestDashboardFollowsTheTerminalsSize(t *testing.T) {
	t.Parallel()
	term := openTerminal(t, 80, 24, script)
	processes := tabNumber(t, kinds.Processes)
	term.see("1 Queues", "F1Help")
	term.keys(processes)
	term.see("["+processes+" Processes]", "PID", "%CPU")
	term.tmux("resize-window", "-x", "40", "-y", "10")
	term.wait("the small screen", func() bool {
		s := term.screen()
		return strings.Contains(s, "PID") && !strings.Contains(s, "%CPU") && strings.Contains(s, "F1Help")
	})
	term.tmux("resize-window", "-x", "200", "-y", "50")
	term.see("%CPU", "COMMAND")
}

func TestDashboardOnOldTerminals(t *testing.T) {
	for _, name := range []string{"xterm", "xterm-256color", "linux", "screen", "vt100"} {
		t.Run(name, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				term := openTerminal(t, 80, 24, script, "TERM="+name)
				// tmux sets the TERM of the shell, so the script must export it again.
				term.see("1 Queues", "Help")
				processes := tabNumber(t, kinds.Processes)
				term.keys(processes)
				term.see("["+processes+" Processes]", "PID")
				term.keys("q")
				term.see("ended with 0, tty sane")
			})
		})
	}
}

func TestDashboardWithoutMouse(t *testing.T) {
	t.Parallel()
	for args, mouse := range map[string]string{"": "mouse=1", "--no-mouse": "mouse=0"} {
		term := openTerminal(t, 80, 24, script, "ARGS="+args)
		term.see("1 Queues", "F1Help")
		if got := term.state(); !strings.Contains(got, mouse) {
			t.Errorf("with %q: %s", args, got)
		}
	}
}

func TestDashboardWithoutTerminal(t *testing.T) {
	t.Parallel()
	cmd := program(t)
	cmd.Stdin = strings.NewReader("")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out),
		"--once") {
		t.Errorf("it ended with %v and said %q", err, out)
	}
}

// The terminal's library knows few character sets. The error says what to do.
func TestDashboardInALegacyLocale(t *testing.T) {
	t.Parallel()
	term := openTerminal(t, 120, 24, `"$IPCTOP"; echo "ended with $?"; stty -a | grep -o -w -- '-\?echo'`,
		"LC_ALL=en_US.ISO-8859-1")
	term.see("set LC_ALL=C.UTF-8", "ended with 1", "\necho")
}
