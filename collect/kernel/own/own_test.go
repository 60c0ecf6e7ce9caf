package own_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/own"
)

func TestMain(m *testing.M) { kerneltest.Main(m, nil) }

func TestStateDir(t *testing.T) {
	home := t.TempDir()
	for _, c := range []struct{ xdg, home, want string }{
		{"/state", home, "/state/ipctop"},
		{"", home, home + "/.local/state/ipctop"},
		{"relative", home, home + "/.local/state/ipctop"},
	} {
		env := map[string]string{"XDG_STATE_HOME": c.xdg, "HOME": c.home}
		if got, err := own.StateDir(func(name string) string { return env[name] }); got != c.want || err != nil {
			t.Errorf("%v: %q (%v), want %q", env, got, err, c.want)
		}
	}
}

// A directory is opened below links of root and of this user. It is no link itself, and others cannot write it.
func TestOpenDir(t *testing.T) {
	top := t.TempDir()
	path := filepath.Join(top, "real", "state", "ipctop")
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := own.OpenDir(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	d, err := own.OpenDir(path, true)
	ok(err)
	ok(d.Close())
	ok(os.Symlink("real/../real", filepath.Join(top, "link")))
	d, err = own.OpenDir(filepath.Join(top, "link", "state", "ipctop"), false)
	ok(err)
	ok(d.Close())
	ok(os.Symlink("ipctop", filepath.Join(top, "real", "state", "other")))
	ok(os.Symlink("loop", filepath.Join(top, "loop")))
	ok(os.WriteFile(filepath.Join(top, "file"), nil, 0o600))
	for _, wrong := range []string{"real/state/other", "loop/state/ipctop", "file/ipctop"} {
		if _, err := own.OpenDir(filepath.Join(top, wrong), true); err == nil {
			t.Errorf("%s: no error", wrong)
		}
	}
	ok(os.Chmod(path, 0o755))
	d, err = own.OpenDir(path, false)
	ok(err)
	defer d.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others keep their rights: %v, %v", info, err)
	}
	ok(os.Chmod(path, 0o770))
	if _, err := own.OpenDir(path, false); err == nil {
		t.Error("a directory that others may write: no error")
	}
	f, err := d.Open("file", os.O_WRONLY|os.O_CREATE)
	ok(err)
	f.Close()
	ok(os.Symlink("file", filepath.Join(path, "link")))
	ok(syscall.Mkfifo(filepath.Join(path, "fifo"), 0o600))
	ok(os.WriteFile(filepath.Join(path, "wide"), nil, 0o640))
	for _, name := range []string{"link", "fifo", "wide"} {
		if f, err := d.Open(name, os.O_RDWR); err == nil {
			f.Close()
			t.Errorf("%s: no error", name)
		}
	}
	ok(os.Link(filepath.Join(path, "file"), filepath.Join(path, "second")))
	var foreign *own.NotOwnError
	if _, err := d.Open("file", os.O_RDONLY); !errors.As(err, &foreign) || !strings.Contains(foreign.Why, "2 links") {
		t.Errorf("a file with two links: %v", err)
	}
}

// Root follows no link of another user, and makes nothing in another user's directory.
func TestOthersDirectories(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 || os.Chown(t.TempDir(), 1000, 1000) != nil {
			t.Skip("needs root, to make directories of another user")
		}
		top := t.TempDir()
		theirs := filepath.Join(top, "theirs")
		link := filepath.Join(top, "link")
		for _, err := range []error{os.Mkdir(theirs, 0o755), os.Chown(theirs, 1000, 1000), os.Symlink(top, link),
			os.Lchown(link, 1000, 1000)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{theirs, filepath.Join(theirs, "ipctop"), filepath.Join(theirs, "state", "ipctop"),
			filepath.Join(link, "ipctop")} {
			if _, err := own.OpenDir(path, true); err == nil {
				t.Errorf("%s: no error", path)
			}
		}
		if own.OwnsHome(theirs) {
			t.Error("another user's home is ours")
		}
	})
}
