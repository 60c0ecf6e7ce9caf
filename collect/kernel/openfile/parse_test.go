package openfile

import "testing"

func FuzzIndex(f *testing.F) {
	f.Add(make([]byte, 3*recordSize))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := index(text)
		if err != nil {
			return
		}
		n := 0
		for tid := range table.threads {
			files, _ := table.Files(int(tid), 0)
			for f := range files.Each {
				f.Name()
				f.Path()
				n++
			}
		}
		if all := table.All().Count(func(Class) bool { return true }); n > all {
			t.Errorf("%d descriptors of %d", n, all)
		}
		table.Pipes()
	})
}
