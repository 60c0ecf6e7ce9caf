package scan

import (
	"bytes"
	"fmt"
	"testing"
)

func TestLinkInode(t *testing.T) {
	for text, want := range map[string]uint64{"pipe:[8841]": 8841,
		"socket:[18446744073709551615]": 18446744073709551615,
		"ipc:[4026531839]":              4026531839} {
		if got, ok := LinkInode([]byte(text)); got != want || !ok {
			t.Errorf("%s: %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "[", "]", "[1]", "pipe:[", "pipe:[]", "pipe:[1", "pipe:[-1]", "pipe:[1x]",
		"pipe:1]",
		"pipe:[18446744073709551616]", "anon_inode:[eventfd]"} {
		if got, ok := LinkInode([]byte(text)); ok {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func FuzzLinkInode(f *testing.F) {
	f.Add([]byte("pipe:[8841]"))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, ok := LinkInode(text)
		if again, okAgain := LinkInode(fmt.Appendf(nil, "x:[%d]", n)); ok &&
			(again != n || !okAgain || !bytes.HasSuffix(text, []byte("]"))) {
			t.Errorf("%d from %q, but %d, %v from that number", n, text, again, okAgain)
		}
	})
}
