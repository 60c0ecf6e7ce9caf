package collect

import (
	"strings"
	"testing"
)

// A shell that runs a script or a command may have made what nobody uses, and know it.
func TestInteractive(t *testing.T) {
	for line, want := range map[string]bool{
		"bash": true, "-bash": true, "/bin/zsh -l": true, "bash -i --norc": true, "sh -s": true, "-sh -l": true,
		"bash daemon.sh": false, "sh -c ./daemon": false, "-bash -c ./daemon": false, "bash -lc ./daemon": false, "bash --rcfile x": false, "sh -x daemon": false,
	} {
		if got := interactive([]byte(strings.ReplaceAll(line, " ", "\x00") + "\x00")); got != want {
			t.Errorf("%q is interactive: %v", line, got)
		}
	}
	for file, want := range map[string]bool{"/dev/pts/0": true, "/dev/tty1": true, "/dev/console": true, "/dev/null": false, "/dev/ptmx": false, "/tmp/script": false, "": false, "pipe:[1]": false} {
		if got := isTerminal(file); got != want {
			t.Errorf("%q is a terminal: %v", file, got)
		}
	}
}

func FuzzInteractive(f *testing.F) {
	f.Add([]byte("bash\x00-l\x00"))
	f.Add([]byte{})
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, cmdline []byte) {
		if interactive(cmdline) && interactive(append(cmdline, "\x00script\x00"...)) {
			t.Errorf("%q with a script is interactive", cmdline)
		}
	})
}
