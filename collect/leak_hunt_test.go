package collect

import (
	"strings"
	"testing"
)

// A shell that runs a script knows what the script knows, and the program of busybox does all kinds of work.
func TestShellsThatStandBy(t *testing.T) {
	for args, want := range map[string]bool{
		"-bash": true, "-bash -l": true, "bash": true, "/bin/sh -i": true, "ash": true, "bash --norc": true,
		"-bash -c a;b": false, "-sh -lc a;b": false, "bash -ec a;b": false, "bash script": false, "bash --rcfile x": false, // in doubt a script
		"/bin/busybox sh": false, "syslogd": false, "syslogd -C": false, "-syslogd": false, "": false,
	} {
		if got := interactive([]byte(strings.ReplaceAll(args, " ", "\x00") + "\x00")); got != want {
			t.Errorf("%q: %v", args, got)
		}
	}
}

// An application may have the name of a terminal or an init; it does not lie where those do.
func TestProgramsThatStandBy(t *testing.T) {
	for exe, want := range map[string]bool{"/usr/bin/screen": true, "/bin/bash": true, "/home/u/bin/screen": false, "/opt/app/su": false, "/app/init": false, "/screen": false} {
		if got := installed(exe); got != want {
			t.Errorf("%s: %v", exe, got)
		}
	}
}
