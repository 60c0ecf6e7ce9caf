package sysv

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestFtok(t *testing.T) {
	// st_dev of 254:0 and 0:22, an inode beyond 32 bits.
	for _, c := range []struct {
		dev, ino uint64
		proj     byte
		want     uint32
	}{{0xfe00, 9978880, 'f', 0x66004400}, {0x16, 0x1_0000_b303, 0xff, 0xff16b303},
		{unix.Mkdev(8, 0x102), 1, 1, 0x01020001}, {0, 0, 0, 0}} {
		if got := Ftok(c.dev, c.ino, c.proj); got != c.want {
			t.Errorf("%+v: %#x", c, got)
		}
	}
}
