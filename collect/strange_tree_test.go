package collect

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
)

// A tree may come from anybody. Whatever stands in the place of a file or a directory: the look at the tree ends, and
// a link out of the tree shows no more than a link to nothing.
func TestTreeWithStrangeFiles(t *testing.T) {
	m := collecttest.Sample(t)
	outside := t.TempDir()
	var paths []string
	alike := map[string]bool{} // one process is as good as another, one limit, one table of sockets
	number := regexp.MustCompile("[0-9]+|net/[a-z0-9]+$|sys/.*/.*")
	err := filepath.WalkDir(m.Root, func(path string, d fs.DirEntry, err error) error {
		if path != m.Root && path != m.Root+"/proc" && d.Type()&fs.ModeSymlink == 0 &&
			!alike[number.ReplaceAllString(path, "N")] {
			alike[number.ReplaceAllString(path, "N")] = true
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 25 {
		t.Fatal(len(paths), err)
	}
	look := func(what string) string {
		t.Helper()
		said := make(chan string, 1)
		go func() {
			s, err := summarize(m.Root)
			said <- fmt.Sprintf("%v\n%v\n%v", s.Objects, s.Faults, err)
		}()
		select {
		case s := <-said:
			return s
		case <-time.After(10 * time.Second):
			t.Fatalf("the look at a tree with %s hangs", what)
		}
		return ""
	}
	for _, path := range paths {
		name := strings.TrimPrefix(path, m.Root)
		kept := filepath.Join(outside, "kept")
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		check(copyAll(path, kept))
		aside := m.Root + ".aside"
		check(os.Rename(path, aside))
		check(syscall.Mkfifo(path, 0o644))
		look("a FIFO as " + name)
		check(os.Remove(path))
		check(os.Symlink("/dev/zero", path))
		nothing := look("a link to /dev/zero as " + name)
		check(os.Remove(path))
		check(os.Symlink(kept, path))
		if diff := gocmp.Diff(nothing, look("a link out of it as "+name)); diff != "" {
			t.Errorf("a link out of the tree as %s shows more than a link to nothing:\n%s", name, diff)
		}
		check(os.Remove(path))
		check(os.Rename(aside, path))
		check(os.RemoveAll(kept))
	}
}

// copyAll copies a file or a directory.
func copyAll(from, to string) error {
	info, err := os.Lstat(from)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
		names, err := os.ReadDir(from)
		for _, name := range names {
			if err == nil {
				err = copyAll(filepath.Join(from, name.Name()), filepath.Join(to, name.Name()))
			}
		}
		return err
	case info.Mode().IsRegular():
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o644)
		}
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err == nil {
			err = os.Symlink(target, to)
		}
		return err
	}
	return nil
}
