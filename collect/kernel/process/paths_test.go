package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

func selfDir(t *testing.T) Dir {
	t.Helper()
	dir, err := Open(sys.Root(""), os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dir.Close)
	return dir
}

func TestRealPath(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	self := selfDir(t)
	for link, target := range map[string]string{"abs": dir + "/sub", "rel": "sub/../sub",
		"up": "../../../../../../../../..", "loop": "loop", "far": "sub/hangs/x", "none": "missing/x"} {
		if err := os.Symlink(target, dir+"/"+link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir+"/sub/hangs", 0o755); err != nil {
		t.Fatal(err)
	}
	hangs := func(path []byte) bool { return strings.HasPrefix(string(path), dir+"/sub/hangs") }
	for path, want := range map[string]string{
		dir + "/abs": dir + "/sub", dir + "//./rel/": dir + "/sub", dir + "/up": "/", "/": "/", "/../..": "/",
		dir + "/sub/..": dir, dir + "/abs/../abs": dir + "/sub",
	} {
		if got, err := self.RealPath(path, hangs); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
	for path, want := range map[string]error{
		dir + "/loop": unix.ELOOP, dir + "/far": vfs.ErrMayHang, dir + "/sub/hangs": vfs.ErrMayHang,
		dir + "/rel/hangs/..": vfs.ErrMayHang, dir + "/none": unix.ENOENT, dir + "/abs/missing": unix.ENOENT,
	} {
		if got, err := self.RealPath(path, hangs); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v; want %v", path, got, err, want)
		}
	}
}

func TestEachEntry(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("0", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	self := selfDir(t)
	list := func(most int) (names []string) {
		if err := self.EachEntry(dir, most, nil, func(name string, id vfs.FileID) {
			var st unix.Stat_t
			if err := unix.Lstat(dir+"/"+name, &st); err != nil || id.Dev != st.Dev || id.Ino != st.Ino ||
				id.IsLink() != (name == "link") || id.IsDir() {
				t.Errorf("%s: %+v, %v", name, id, err)
			}
			names = append(names, name)
		}); err != nil {
			t.Error(err)
		}
		slices.Sort(names)
		return names
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "4", "link"}, list(9)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	self.EachEntry(dir, 9, func(name string) bool { return name == "3" }, func(name string, _ vfs.FileID) {
		if name == "3" {
			t.Error("visited what is to be skipped")
		}
	})
	if got := list(2); len(got) != 2 {
		t.Errorf("at most 2: %q", got)
	}
	if err := self.EachEntry(dir+"/0", 9, nil, nil); !errors.Is(err, unix.ENOTDIR) {
		t.Error(err)
	}
}

// ReadFile opens only a regular file: another user may have put something else there.
func TestReadFileOfNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	text := []byte("0123456789")
	if err := os.WriteFile(dir+"/file", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(dir+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"file": nil, "fifo": unix.EINVAL, "link": unix.ELOOP,
		"none": unix.ENOENT} {
		if got, err := vfs.ReadFile(dir+"/"+name, 4); !errors.Is(err, want) || want == nil && string(got) != "0123" {
			t.Errorf("%s: %q, %v; want %v", name, got, err, want)
		}
	}
	t.Chdir(dir)
	if got, err := selfDir(t).ReadFile("cwd/file", 100); err != nil || string(got) != string(text) {
		t.Errorf("by the working directory: %q, %v", got, err)
	}
}

func TestMappedPaths(t *testing.T) {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if paths, err := selfDir(t).MappedPaths(nil); err != nil || !slices.Contains(paths, exe) {
		t.Errorf("%q, %v; want %s among them", paths, err, exe)
	}
	const text = "55d0-55d1 r-xp 00000000 08:01 131 /usr/sbin/a b\n55d1-55d2 r-xp 00001000 08:01 131 /usr/sbin/a b\n" +
		"7f00-7f01 rw-p 00000000 00:00 0 \n" +
		"7f01-7f02 rw-s 00000000 00:01 32769 /SYSV00001234 (deleted)\n7f02-7f03 r--p 00000000 08:01 132 /x\\012y\n" +
		"ff00-ff01 r-xp 00000000 00:00 0 [vdso]\n"
	if diff := cmp.Diff([]string{"/usr/sbin/a b", "/x\ny"}, ParseMappedPaths([]byte(text))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzParseMappedPaths(f *testing.F) {
	f.Add([]byte("55d0c0000000-55d0c0001000 r-xp 00000000 08:01 131 /usr/sbin/appd\n7f0000000000-7f0000400000 rw-s " +
		"00000000 00:01 32769 /SYSV00001234 (deleted)\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		seen := map[string]bool{}
		for _, path := range ParseMappedPaths(text) {
			if !strings.HasPrefix(path, "/") || seen[path] {
				t.Errorf("%q of %q", path, text)
			}
			seen[path] = true
		}
	})
}
