package sys

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// strangeTree is a tree with each kind of file, beside a directory that must not be seen.
func strangeTree(t *testing.T) Root {
	t.Helper()
	above := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"/tree/proc", "/tree/etc/dir", "/outside"} {
		must(os.MkdirAll(above+dir, 0o755))
	}
	for name, text := range map[string]string{
		"/tree/proc/plain": "plain\n", "/outside/secret": "secret\n", "/tree/etc/x": "etc\n",
	} {
		must(os.WriteFile(above+name, []byte(text), 0o644))
	}
	for name, to := range map[string]string{
		"absolute out": above + "/outside/secret", "relative out": "../../outside/secret",
		"directory out": above + "/outside", "zero": "/dev/zero", "inside": "/etc/x", "up": "../../../../../../etc/x",
		"loop": "loop", "magic": "/proc/self/root/etc",
	} {
		must(os.Symlink(to, above+"/tree/proc/"+name))
	}
	must(unix.Mkfifo(above+"/tree/proc/fifo", 0o644))
	must(unix.Mknod(above+"/tree/proc/socket", unix.S_IFSOCK|0o644, 0))
	must(os.WriteFile(above+"/tree/proc/long", nil, 0o644))
	must(os.Truncate(above+"/tree/proc/long", TreeFileMax+1))
	must(os.WriteFile(above+"/tree/proc/longest", nil, 0o644))
	must(os.Truncate(above+"/tree/proc/longest", TreeFileMax))
	root, err := OpenRoot(above + "/tree")
	must(err)
	return root
}

// soon runs f, and fails the test if f has not returned after five seconds.
func soon(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("it hangs")
	}
}

// word is the cause of an error, or "".
func word(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestReadsOfATree(t *testing.T) {
	root := strangeTree(t)
	type answer struct{ Text, File, Link, Dir string } // the last three: the cause of the error
	const absent, irregular = "no such file or directory", "it is no regular file"
	const noLink, noDir = "invalid argument", "not a directory"
	want := map[string]answer{
		"plain":                {"plain\n", "", noLink, noDir},
		"inside":               {"etc\n", "", "", noDir},
		"up":                   {"etc\n", "", "", noDir},
		"absolute out":         {"", absent, "", absent},
		"relative out":         {"", absent, "", absent},
		"directory out":        {"", absent, "", absent},
		"directory out/secret": {"", absent, absent, absent},
		"zero":                 {"", absent, "", absent},
		"loop":                 {"", "too many levels of symbolic links", "", "too many levels of symbolic links"},
		"magic":                {"", absent, "", absent},
		"fifo":                 {"", irregular, noLink, noDir},
		"socket":               {"", irregular, noLink, noDir},
		"../etc/dir":           {"", irregular, noLink, ""},
		"../../outside/secret": {"", absent, absent, absent},
		"long":                 {"", "it has more than 64 MiB", noLink, noDir},
	}
	got := map[string]answer{}
	soon(t, func() {
		for name := range want {
			text, err := root.ReadFile("/proc/" + name)
			_, linkErr := root.Readlink("/proc/" + name)
			_, dirErr := root.ReadDir("/proc/" + name)
			var a answer
			if err == nil {
				a.Text = string(text)
			}
			a.File, a.Link, a.Dir = word(err), word(linkErr), word(dirErr)
			got[name] = a
		}
	})
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if text, err := root.ReadFile("/proc/longest"); err != nil || len(text) != TreeFileMax {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// Devices are not opened: the open itself may have effects.
func TestDeviceOfATreeIsNotOpened(t *testing.T) {
	root := strangeTree(t)
	path := string(root) + "/proc/device"
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil { // /dev/zero
		t.Skip("only root may make a device: ", err)
	}
	soon(t, func() {
		if _, err := root.ReadFile("/proc/device"); !errors.Is(err, ErrNotRegular) {
			t.Error(err)
		}
	})
}

func TestOpenRootOfNoMachine(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/proc", dir+"/proc"); err != nil { // it leads to itself in the tree
		t.Fatal(err)
	}
	if root, err := OpenRoot(dir); err == nil {
		t.Errorf("a root %q whose proc is that of this machine", root)
	}
	if _, err := OpenRoot(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
