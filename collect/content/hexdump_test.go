package content

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestHexDump(t *testing.T) {
	data := "a\x1b[31m\xff~ " + strings.Repeat("\x00", 55) + "end"
	want := []string{
		"00001000  61 1b 5b 33 31 6d ff 7e  20 00 00 00 00 00 00 00  |a.[31m.~ .......|",
		"00001010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|",
		"*",
		"00001040  65 6e 64                                          |end|",
	}
	if diff := gocmp.Diff(want, HexDump([]byte(data), 0x1000)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if lines := HexDump(nil, 0); lines != nil {
		t.Errorf("nothing is %q", lines)
	}
}

func FuzzHexDump(f *testing.F) {
	f.Add([]byte("text"), uint64(0))
	f.Add(make([]byte, 100), uint64(1)<<40)
	f.Fuzz(func(t *testing.T, data []byte, offset uint64) {
		for _, line := range HexDump(data, offset) {
			for _, c := range line {
				if c < ' ' || c > '~' {
					t.Errorf("%q holds what a terminal may interpret", line)
				}
			}
		}
	})
}
