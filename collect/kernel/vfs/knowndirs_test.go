package vfs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// A search that knows directories finds what a search without knowledge finds, after any changes. The test itself
// gives a changed directory another time: it changes directories faster than a coarse clock counts.
func TestKnownDirectories(t *testing.T) {
	random := kerneltest.Random(t)
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b", "c"}
	dirs := []string{root}
	for _, one := range names {
		for _, two := range names {
			dirs = append(dirs, filepath.Join(root, one), filepath.Join(root, one, two))
		}
	}
	known, later := KnownDirs{}, time.Now().Add(time.Hour)
	used := false
	for round := range kerneltest.Rounds(100, 2000) {
		dir := dirs[random.IntN(len(dirs))]
		if st, err := os.Lstat(dir); err != nil || !st.IsDir() { // os.RemoveAll opens the directory, and a FIFO blocks
			dir = root
		}
		path := filepath.Join(dir, names[random.IntN(len(names))])
		switch random.IntN(6) {
		case 0:
			unix.Mkfifo(path, 0o600)
		case 1, 2:
			os.Mkdir(path, 0o700)
		case 3:
			os.RemoveAll(path)
		case 4:
			os.Rename(path, filepath.Join(dirs[random.IntN(len(dirs))], "c"))
		case 5:
			os.Symlink(root, path)
		}
		for _, dir := range dirs {
			stamp := time.Unix(int64(round), 0)
			if random.IntN(3) > 0 && dir != filepath.Dir(path) {
				continue
			}
			if st, err := os.Lstat(dir); err == nil && st.IsDir() {
				os.Chtimes(dir, stamp, stamp)
			}
		}
		scan := PathScan{Roots: []string{root}, Depth: 3, Most: 5 + random.IntN(30), MostIn: 2 + random.IntN(3)}
		want := specialFiles("", scan, later)
		scan.Known = known
		used = used || len(known) > 0
		if diff := cmp.Diff(want, specialFiles("", scan, later)); diff != "" {
			t.Fatalf("round %d (-fresh +known):\n%s", round, diff)
		}
		for dir := range known {
			if st, err := os.Lstat(dir); err != nil || !st.IsDir() {
				t.Fatalf("%s is known, and is no directory", dir)
			}
		}
	}
	if !used {
		t.Skipf("the file system of %s is none that is known to keep times", root)
	}
}
