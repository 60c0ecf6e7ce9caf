package utillinux

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// On a terminal lsipc cuts COMMAND to the width.
func TestLsipcOnATerminal(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		kerneltest.Start(t, "make", "a command line", "that is longer than most terminals are wide, é and 漢字 and all,",
			strings.Repeat("and on ", 20))
		t.Setenv("LC_ALL", "C.UTF-8")
		for _, columns := range []int{1, 40, 66, 67, 70, 80, 81, 82, 83, 84, 100, 132, 300} {
			for _, line := range []string{
				"-m", "-m -t", "-m -c -t", "-q", "-g", "-m --notruncate", "-m -J", "-m -r", "-m -e", "-m -n",
				"-m -o COMMAND,ID", "-m -o COMMAND,COMMAND,ID",
				"-m -l -i 0", "-m -i 0", "-s -i 0", "-m --noheadings",
			} {
				argv := append([]string{"lsipc"}, words(line)...)
				equal(t, fmt.Sprintf("%q on %d columns", argv, columns), func() (theirs, ours string) {
					return onTerminal(t, columns, 0, argv...), oursOnTerminal(columns, argv...)
				})
			}
		}
	})
}

func oursOnTerminal(columns int, argv ...string) string {
	var out bytes.Buffer
	Run(Process{
		Args: argv, Stdout: &out, Stderr: &out, Getenv: os.Getenv, Version: testVersion, Changes: direct,
		Terminal: func() (int, bool) { return columns, true },
	})
	return out.String()
}

// onTerminal runs util-linux with a pseudoterminal as its standard output (man 4 pts). The terminal has so many
// columns, and the program must end with code.
func onTerminal(t *testing.T, columns, code int, argv ...string) string {
	t.Helper()
	master := must(os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0))(t)
	defer master.Close()
	fd := int(master.Fd())
	check(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n := must(unix.IoctlGetInt(fd, unix.TIOCGPTN))(t)
	slave := must(os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0))(t)
	check(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)}))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = slave, slave
	check(t, cmd.Start())
	slave.Close()
	out, _ := io.ReadAll(master) // EIO when no process has the other end open
	// A read can return EIO too early, before the last line: n_tty_read first looks for input, and then for the other
	// end (drivers/tty/n_tty.c). The last line can come, and the other end can close, between the two.
	rest, _ := io.ReadAll(master)
	out = append(out, rest...)
	if cmd.Wait(); cmd.ProcessState.ExitCode() != code {
		t.Fatalf("%q: %v, want exit code %d", argv, cmd.ProcessState, code)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

func TestTerminalWidth(t *testing.T) {
	for _, c := range []struct {
		columns  int
		variable string
		want     int
	}{{100, "60", 100}, {0, "60", 60}, {0, "", 80}, {0, "x", 80}, {0, "-3", 80}} {
		if got := terminalWidth(c.columns, c.variable); got != c.want {
			t.Errorf("%d columns and COLUMNS=%s: %d, want %d", c.columns, c.variable, got, c.want)
		}
	}
}
