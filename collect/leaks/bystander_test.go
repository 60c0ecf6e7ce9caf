package leaks

import (
	"strings"
	"testing"
)

// A shell that runs a script or a command knows the objects of the script, so it is no bystander. The busybox program
// does all kinds of work: only its shells can be bystanders.
func TestInteractive(t *testing.T) {
	for args, want := range map[string]bool{
		"bash": true, "-bash": true, "-bash -l": true, "/bin/zsh -l": true, "/bin/sh -i": true, "ash": true,
		"bash --norc": true, "bash -i --norc": true, "sh -s": true, "-sh -l": true,
		"bash script": false, "bash daemon.sh": false, "sh -x daemon": false, "sh -c ./daemon": false,
		"-bash -c ./daemon": false, "-bash -c a;b": false, "bash -lc ./daemon": false, "-sh -lc a;b": false,
		"bash -ec a;b": false, "bash --rcfile x": false, // x counts as a script
		"/bin/busybox sh": false, "syslogd": false, "syslogd -C": false, "-syslogd": false, "": false,
	} {
		if got := interactive([]byte(strings.ReplaceAll(args, " ", "\x00") + "\x00")); got != want {
			t.Errorf("%q is interactive: %v", args, got)
		}
	}
}

func TestIsTerminal(t *testing.T) {
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

// An application may have the name of a terminal or an init, but it lies in another directory.
func TestInstalled(t *testing.T) {
	for exe, want := range map[string]bool{"/usr/bin/screen": true, "/bin/bash": true, "/home/u/bin/screen": false,
		"/opt/app/su": false, "/app/init": false, "/screen": false} {
		if got := installed(exe); got != want {
			t.Errorf("%s is installed: %v", exe, got)
		}
	}
}

// The arguments of a program that does the work of many name the work.
func TestWorkOf(t *testing.T) {
	for args, want := range map[string]string{"timeout 5 ipctop": "timeout", "busybox timeout 5 ipctop": "timeout",
		"/bin/busybox sh": "sh", "/usr/bin/env ipctop": "env", "busybox": "", "": ""} {
		if got := workOf([]byte(strings.ReplaceAll(args, " ", "\x00") + "\x00")); got != want {
			t.Errorf("the work of %q is %q, want %q", args, got, want)
		}
	}
}
