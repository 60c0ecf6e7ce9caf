package openfile

import "testing"

func FuzzIndex(f *testing.F) {
	f.Add(make([]byte, 3*recordSize))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := index(text)
		if err != nil {
			if len(text)%recordSize == 0 {
				t.Error(err)
			}
			return
		}
		n := 0
		for tid := range table.threads {
			files, _ := table.Files(int(tid), 0)
			for i := range files.Len() {
				files.At(i).Name()
			}
			n += files.Len()
		}
		if n > table.All().Len() {
			t.Errorf("%d descriptors of %d", n, table.All().Len())
		}
		table.Pipes()
	})
}
