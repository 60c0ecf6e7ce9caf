package posix

import (
	"encoding/binary"
	"testing"
)

func FuzzPosixSem(f *testing.F) {
	f.Add(append([]byte{5, 0, 0, 0, 1, 0, 0, 0, 0x80}, make([]byte, 23)...))
	f.Add(append([]byte{0, 0, 0, 0x80}, make([]byte, 28)...)) // a value above SEM_VALUE_MAX
	f.Add([]byte("a text file of any kind, no sem_t"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, ok := parseSem(data)
		if !ok {
			return
		}
		if len(data) != semSize || binary.LittleEndian.Uint32(data) != s.Value || s.Value > semMax {
			t.Errorf("%x read as %+v", data, s)
		}
	})
}
