package vfs

import (
	"strings"
	"testing"
	"testing/iotest"
)

func TestFileSystemsThatMayHang(t *testing.T) {
	for typ, want := range map[string]bool{"nfs4": true, "fuse.sshfs": true, "fuse": true, "fuseblk": true, "9p": true,
		"fusectl": false, "tmpfs": false, "ext4": false, "overlay": false, "": false} {
		if MayHang(typ) != want {
			t.Errorf("%s: %v", typ, !want)
		}
	}
}

// The number at the beginning of a line is the mount's. Lines come in any pieces.
func TestTypeOfMount(t *testing.T) {
	const info = "21 1 0:20 / /proc rw shared:5 - proc proc rw\n" +
		"12 21 0:24 / /dev/shm rw - fuse.x x rw\n" +
		"2 21 0:25 / /a\\040-\\040b rw - tmpfs tmpfs rw\n"
	for mount, want := range map[string]string{"21": "proc", "12": "fuse.x", "2": "tmpfs", "1": "", "0": ""} {
		for _, read := range []func(string) string{
			func(s string) string { return typeOfMount(strings.NewReader(s), []byte(mount)) },
			func(s string) string { return typeOfMount(iotest.OneByteReader(strings.NewReader(s)), []byte(mount)) },
		} {
			if got := read(info); got != want {
				t.Errorf("%s: %q", mount, got)
			}
		}
	}
}
