package leaks

import (
	"strings"
	"testing"
)

// A shell that runs a script or a command may have made what nobody uses, and know it.
func TestInteractive(t *testing.T) {
	for line, want := range map[string]bool{
		"bash": true, "-bash": true, "/bin/zsh -l": true, "bash -i --norc": true, "sh -s": true, "-sh -l": true,
		"bash daemon.sh": false, "sh -c ./daemon": false, "-bash -c ./daemon": false, "bash -lc ./daemon": false,
		"bash --rcfile x": false, "sh -x daemon": false,
	} {
		if got := interactive([]byte(strings.ReplaceAll(line, " ", "\x00") + "\x00")); got != want {
			t.Errorf("%q is interactive: %v", line, got)
		}
	}
	for file, want := range map[string]bool{"/dev/pts/0": true, "/dev/tty1": true, "/dev/console": true,
		"/dev/null": false, "/dev/ptmx": false, "/tmp/script": false, "": false, "pipe:[1]": false} {
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

// A shell that runs a script knows what the script knows, and the program of busybox does all kinds of work.
func TestShellsThatStandBy(t *testing.T) {
	for args, want := range map[string]bool{
		"-bash": true, "-bash -l": true, "bash": true, "/bin/sh -i": true, "ash": true, "bash --norc": true,
		// in doubt a script
		"-bash -c a;b": false, "-sh -lc a;b": false, "bash -ec a;b": false, "bash script": false, "bash --rcfile x": false,
		"/bin/busybox sh": false, "syslogd": false, "syslogd -C": false, "-syslogd": false, "": false,
	} {
		if got := interactive([]byte(strings.ReplaceAll(args, " ", "\x00") + "\x00")); got != want {
			t.Errorf("%q: %v", args, got)
		}
	}
}

// An application may have the name of a terminal or an init; it does not lie where those do.
func TestProgramsThatStandBy(t *testing.T) {
	for exe, want := range map[string]bool{"/usr/bin/screen": true, "/bin/bash": true, "/home/u/bin/screen": false,
		"/opt/app/su": false, "/app/init": false, "/screen": false} {
		if got := installed(exe); got != want {
			t.Errorf("%s: %v", exe, got)
		}
	}
}
