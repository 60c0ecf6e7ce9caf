package collect

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/ftok"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// workKnowFiles knows files below a directory in several ways. Its working directory is one, it has open/data open, and
// it maps mapped/data privately. Its comm is the name of the configuration in /etc. A third argument becomes its root
// directory.
func workKnowFiles(j *kerneltest.Job) {
	dir := j.Args[0]
	if len(j.Args) > 2 {
		j.Check(unix.Chroot(j.Args[2]))
	}
	j.Check(os.Chdir(dir + "/cwd"))
	data, err := unix.Open(dir+"/open/data", unix.O_RDONLY, 0)
	j.Check(err)
	fd, err := unix.Open(dir+"/mapped/data", unix.O_RDONLY, 0)
	j.Check(err)
	_, err = unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	j.Check(err)
	j.Check(unix.Close(fd))
	j.Ready(data)
	j.Wait()
}

// knownFiles are the files that workKnowFiles knows, and one file that it does not know.
func knownFiles() []string {
	return []string{"cwd/here", "open/data", "open/beside", "mapped/data", "app.conf", "target.conf", "etc/inner.conf"}
}

func makeKnownFiles(tb testing.TB, dir string) {
	tb.Helper()
	for _, name := range knownFiles() {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 4096), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Symlink("target.conf", dir+"/link.conf"); err != nil {
		tb.Fatal(err)
	}
	if err := os.Symlink("../target.conf", dir+"/cwd/linked"); err != nil {
		tb.Fatal(err)
	}
}

// ftokBy computes keys with ftok of the C library if there is a compiler. Otherwise it computes them in the same way.
func ftokBy(tb testing.TB) func(path string, proj byte) uint32 {
	tb.Helper()
	cc, err := exec.LookPath("gcc")
	if err != nil {
		return func(path string, proj byte) uint32 {
			var st unix.Stat_t
			if err := unix.Stat(path, &st); err != nil {
				tb.Fatal(err)
			}
			return uint32(st.Ino&0xffff) | uint32(st.Dev&0xff)<<16 | uint32(proj)<<24
		}
	}
	source, program := filepath.Join(tb.TempDir(), "ftok.c"), filepath.Join(tb.TempDir(), "ftok")
	const text = "#include <stdio.h>\n#include <stdlib.h>\n#include <sys/ipc.h>\nint main(int n, char **a) { " +
		"printf(\"%u\", (unsigned)ftok(a[1], atoi(a[2]))); return n != 3; }\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	if out, err := exec.Command(cc, "-o", program, source).CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	return func(path string, proj byte) uint32 {
		out, err := exec.Command(program, path, strconv.Itoa(int(proj))).Output()
		if err != nil {
			tb.Fatal(err)
		}
		key, err := strconv.ParseUint(string(out), 10, 32)
		if err != nil {
			tb.Fatal(err)
		}
		return uint32(key)
	}
}

// found lists for each file how each process knows it. It leaves out files of other processes that match the key by
// chance.
func found(s *ftok.Search, pid int) []string {
	var told []string
	for _, file := range s.Files {
		for _, u := range file.Known {
			if u.PID == pid {
				told = append(told, file.Path+": "+u.How)
			}
		}
	}
	return told
}

func TestFtokAgreesWithTheCLibrary(t *testing.T) {
	keyOf := ftokBy(t)
	dir := t.TempDir()
	makeKnownFiles(t, dir)
	for _, path := range append(knownFiles(), ".", "link.conf") {
		path = filepath.Join(dir, path)
		file, err := vfs.StatFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, proj := range []byte{1, 'f', 255} {
			if got, want := sysv.Ftok(file.Dev, file.Ino, proj), keyOf(path, proj); got != want {
				t.Errorf("%s: %#x, want %#x", path, got, want)
			}
		}
	}
}

func TestFilesOfAKey(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		keyOf := ftokBy(t)
		dir := t.TempDir()
		makeKnownFiles(t, dir)
		w := kerneltest.Start(t, "know-files", dir, "--config="+dir+"/link.conf")
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		c := New(host, time.Now)
		other := kerneltest.Start(t, "know-files", dir, "--config="+dir+"/link.conf") // it knows the same files
		look := func(path string) []string {
			s := c.FindKey(keyOf(path, 'f'))
			known := found(s, w.PID)
			if diff := gocmp.Diff(known, found(s, other.PID)); diff != "" {
				t.Errorf("%s by another process (-first +other):\n%s", path, diff)
			}
			return known
		}
		for path, want := range map[string][]string{
			"cwd":            {dir + "/cwd: working directory"},
			"cwd/here":       {dir + "/cwd/here: in its working directory"},
			"open/data":      {dir + "/open/data: open as fd " + w.Words[0]},
			"open":           {dir + "/open: directory of an open file"},
			"open/beside":    nil,
			"mapped/data":    {dir + "/mapped/data: mapped"},
			"target.conf":    {dir + "/link.conf: argument"},
			"app.conf":       nil,
			".":              {dir + ": argument"},
			"etc/inner.conf": nil,
		} {
			if diff := gocmp.Diff(want, look(filepath.Join(dir, path))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
		exe, err := os.Readlink("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{exe: "program", filepath.Dir(exe): "directory of its program",
			"/": "root directory"} {
			if got := look(path); !slices.Equal(got, []string{path + ": " + want}) {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
		// A file that was unlinked but is still open may have given a key before.
		key := keyOf(dir+"/open/data", 'f')
		if err := os.Remove(dir + "/open/data"); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff([]string{dir + "/open/data (deleted): open as fd " + w.Words[0]},
			found(New(host, time.Now).FindKey(key), w.PID)); diff != "" {
			t.Errorf("unlinked (-want +got):\n%s", diff)
		}
	})
}

// Paths of a process in a chroot begin at its root directory.
func TestFilesOfAKeyInAChroot(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		keyOf := ftokBy(t)
		jail := t.TempDir()
		makeKnownFiles(t, jail+"/d")
		w := kerneltest.Start(t, "know-files", "/d", "app.conf", jail)
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		c := New(host, time.Now)
		for path, want := range map[string][]string{
			"/d/open":     {"/d/open: directory of an open file"},
			"/d/cwd/here": {"/d/cwd/here: in its working directory"},
			"/d":          {"/d: argument"},
		} {
			if diff := gocmp.Diff(want, found(c.FindKey(keyOf(jail+path, 3)), w.PID)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	})
}

// The name of a configuration in /etc begins with the name of the process.
func TestConfigurationOfAKey(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		keyOf := ftokBy(t)
		if err := unix.Mount("tmpfs", "/etc", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"postgres/inner.conf", "postgresql.conf", "other.conf"} {
			if err := os.MkdirAll(filepath.Dir("/etc/"+name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile("/etc/"+name, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("/etc/other.conf", "/etc/postgres.d"); err != nil {
			t.Fatal(err)
		}
		w := kerneltest.Start(t, "postmaster", t.TempDir())
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		c := New(host, time.Now)
		for path, want := range map[string][]string{
			"/etc/postgres":            {"/etc/postgres: configuration"},
			"/etc/postgres/inner.conf": {"/etc/postgres/inner.conf: configuration"},
			"/etc/postgresql.conf":     {"/etc/postgresql.conf: configuration"},
			"/etc/other.conf":          {"/etc/postgres.d: configuration"},
			"/etc":                     nil,
		} {
			if diff := gocmp.Diff(want, found(c.FindKey(keyOf(path, 3)), w.PID)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	})
}

// For an object, only the processes of its owner and of its creator are searched. The column shows the same files.
func TestKeyOfAnotherUsersObject(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: one of the two users has to be somebody else")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		keyOf := ftokBy(t)
		dir := t.TempDir()
		makeKnownFiles(t, dir)
		s.check(os.Chmod(filepath.Dir(dir), 0o755)) // the directory of go test, which only root may enter
		key := keyOf(dir+"/open/data", 'f')
		ours := kerneltest.Start(t, "know-files", dir, "x")
		theirs := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "know-files", dir, "x")
		maker := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "make-segment", fmt.Sprint(key))
		id, err := strconv.Atoi(maker.Words[0])
		s.check(err)
		c := New(s.host, time.Now)
		search := c.FindKey(key)
		want := []string{dir + "/open/data: open as fd " + theirs.Words[0]}
		user := account.NewUsers(true).User(1000)
		if diff := gocmp.Diff([]any{[]string(nil), want, []string{user}, ref(schema.Shm, id)},
			[]any{found(search, ours.PID), found(search, theirs.PID), search.Owners,
				search.Objects[0].String()}); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Shm: ftok.Needs}})
		cell := cellOf(schema.Shm, "ftok")(snap.Objects[schema.Shm][0])
		if diff := gocmp.Diff([]string{"ftok(" + dir + "/open/data,'f')"}, cell.List()); diff != "" {
			t.Errorf("ftok (-want +got):\n%s", diff)
		}

		// An ordinary user finds the files of his own processes. A note counts the processes that he may not look into.
		look := kerneltest.StartAs(t, &syscall.Credential{Uid: 1001, Gid: 1001}, "find-key", fmt.Sprint(key))
		if diff := gocmp.Diff("files 0 looked at 0 refused 2 cell denied", strings.Join(look.Words, " ")); diff != "" {
			t.Errorf("another ordinary user (-want +got):\n%s", diff)
		}
	})
}

// A process with a thread of the owner knows the files of the owner's keys.
func TestKeyOfAThreadsUser(t *testing.T) {
	const uid = 1234
	kerneltest.InNamespace(t, func() {
		if unix.Getuid() != 0 || !mayBecome(uid) {
			t.Skip("needs to change the user")
		}
		s := newSysVScene(t)
		file := t.TempDir() + "/data"
		s.check(os.WriteFile(file, nil, 0o644))
		key := ftokBy(t)(file, 'f')
		w := kerneltest.Start(t, "thread-of-user", strconv.Itoa(uid), file)
		kerneltest.StartAs(t, &syscall.Credential{Uid: uid, Gid: uid}, "make-segment", fmt.Sprint(key))
		s.equal("files", []string{file + ": argument"}, found(New(s.host, time.Now).FindKey(key), w.PID))
	})
}

func workMakeSegment(j *kerneltest.Job) {
	key, err := strconv.ParseUint(j.Args[0], 10, 32)
	j.Check(err)
	id, err := kernel.NewAdmin().ShmGet(uint32(key), 4096, 0o600|createIPC)
	j.Check(err)
	j.Ready(id)
	j.Wait()
}

func workFindKey(j *kerneltest.Job) {
	key, err := strconv.ParseUint(j.Args[0], 10, 32)
	j.Check(err)
	host, err := kernel.Open("")
	j.Check(err)
	c := New(host, time.Now)
	s := c.FindKey(uint32(key))
	snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Shm: ftok.Needs}})
	cell := "known"
	if cellOf(schema.Shm, "ftok")(snap.Objects[schema.Shm][0]).State() == schema.Denied {
		cell = "denied"
	}
	j.Ready("files", len(s.Files), "looked at", s.Processes, "refused", s.Refused, "cell", cell)
	j.Wait()
}

// A FUSE server that never answers does not block the search. It is tested below a process's directory, and behind a
// symbolic link in its arguments.
func TestKeysAndDeadServers(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir, dead := t.TempDir(), t.TempDir()
		makeKnownFiles(t, dir)
		makeKnownFiles(t, dead+"/d")
		s.check(os.Symlink(dead+"/d/app.conf", dir+"/far.conf"))
		w := kerneltest.Start(t, "know-files", dead+"/d", dir+"/far.conf")
		s.check(os.Mkdir(dir+"/cwd/dead", 0o755))
		beside := kerneltest.Start(t, "know-files", dir, "x")
		for _, point := range []string{dead, dir + "/cwd/dead"} {
			s.deadMount(point)
		}
		search := New(s.host, time.Now).FindKey(0x12345678)
		if got := found(search, w.PID); got != nil || search.Skipped < 3 {
			t.Errorf("%q, %d paths passed over", got, search.Skipped)
		}
		var st unix.Stat_t
		s.check(unix.Stat(dir+"/cwd/here", &st))
		if got := found(New(s.host, time.Now).FindKey(sysv.Ftok(st.Dev, st.Ino, 1)), beside.PID); !slices.Contains(got,
			dir+"/cwd/here: in its working directory") {
			t.Errorf("beside a dead mount: %q", got)
		}
		dev, err := vfs.DeviceOf(dir + "/cwd/dead")
		s.check(err)
		// the root of a FUSE mount has inode number 1
		if got := found(New(s.host, time.Now).FindKey(sysv.Ftok(dev, 1, 1)), beside.PID); got != nil {
			t.Errorf("the dead mount was looked at: %q", got)
		}
	})
}

// A key of PostgreSQL is no key of ftok.
func TestKeyOfADataDirectory(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir := filepath.Join(t.TempDir(), "main")
		ino := s.dataDirectory(dir)
		kerneltest.Start(t, "postmaster", dir)
		if diff := gocmp.Diff([]string{dir}, New(s.host, time.Now).FindKey(ino).Clusters); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if got := New(s.host, time.Now).FindKey(ino - 1).Clusters; got != nil {
			t.Errorf("another key: %q", got)
		}
	})
}

func TestFormatProject(t *testing.T) {
	for proj, want := range map[byte]string{'f': "0x66 'f'", 1: "0x01", ' ': "0x20", '\'': `0x27 '\''`, 0x7f: "0x7f",
		0xff: "0xff"} {
		if got := ftok.FormatProject(proj); got != want {
			t.Errorf("%#x: %s, want %s", proj, got, want)
		}
	}
}
