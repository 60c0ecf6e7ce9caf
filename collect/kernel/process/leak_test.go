package process

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const privateLines = `00400000-00401000 r-xp 00000000 00:17 77 /dev/shm/program
00401000-00402000 rw-p 00001000 00:17 77 /dev/shm/program
7f0000000000-7f0000001000 r--p 00000000 00:17 78 /dev/shm/a file
7f0000001000-7f0000002000 rw-s 00000000 00:17 79 /dev/shm/shared
7f0000002000-7f0000003000 r--p 00000000 fd:01 80 /lib/libc.so
7f0000003000-7f0000004000 rw-p 00000000 00:00 0 [heap]
`

func TestParsePrivateMaps(t *testing.T) {
	got, err := parsePrivateMaps([]byte(privateLines), unix.Mkdev(0, 0x17))
	if diff := cmp.Diff([]uint64{77, 78}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := parsePrivateMaps([]byte("00400000-00401000 r-xp\n"), 0); err == nil {
		t.Error("a line that ends too early is taken")
	}
}

func FuzzParsePrivateMaps(f *testing.F) {
	f.Add([]byte(privateLines))
	f.Add([]byte("0-1 r--p 0 ffffffff:ffffffff 18446744073709551615\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		inodes, _ := parsePrivateMaps(text, unix.Mkdev(0, 0x17))
		for _, ino := range inodes {
			if ino == 0 {
				t.Errorf("%q: inode 0 is no file", text)
			}
		}
	})
}
