package openfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/openfile"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestMain(m *testing.M) { kerneltest.Main(m, kerneltest.Workers{}) }

// open loads the program, or skips the test.
func open(tb testing.TB) *openfile.Reader {
	tb.Helper()
	root, err := sys.OpenRoot("")
	check(tb, err)
	r, err := openfile.Open(root)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, openfile.ErrNone) {
		if _, missing := os.Stat("/sys/kernel/btf/vmlinux"); missing == nil && os.Getuid() == 0 {
			tb.Fatal(err)
		}
		tb.Skip("needs root, and a kernel with its types: ", err)
	}
	check(tb, err)
	tb.Cleanup(func() { r.Close() })
	return r
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// start is the start time of this process in clock ticks.
func start(tb testing.TB) uint64 {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/stat")
	check(tb, err)
	st, err := process.ParseProcStat(text)
	check(tb, err)
	return st.Start
}

// The program tells of each of our own descriptors what stat(2) and the link in /proc tell.
func TestFilesAreThoseOfProc(t *testing.T) {
	t.Run("without paths", func(t *testing.T) { sameAsProc(t, false) })
	t.Run("with paths", func(t *testing.T) { sameAsProc(t, true) })
}

func sameAsProc(t *testing.T, paths bool) {
	r := open(t)
	long := t.TempDir()
	for range 3 {
		long = filepath.Join(long, strings.Repeat("long\x1b[31m", 20))
	}
	check(t, os.MkdirAll(long, 0o700))
	for _, name := range []string{t.TempDir(), long, "/dev/null", "/dev/shm", "/proc/self/ns/uts", "/proc/self/stat"} {
		f, err := os.Open(name)
		check(t, err)
		defer f.Close()
	}
	for _, make := range []func() (int, error){
		func() (int, error) { return unix.MemfdCreate("x", unix.MFD_CLOEXEC) },
		func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) },
		func() (int, error) { return unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) },
	} {
		fd, err := make()
		check(t, err)
		defer unix.Close(fd)
	}
	p, err := os.Open("/proc/self/fd")
	check(t, err)
	defer p.Close()
	kerneltest.EventuallySame(t, func() string { // descriptors of the runtime come and go
		want := map[int32]string{}
		entries, err := os.ReadDir("/proc/self/fd")
		check(t, err)
		for _, e := range entries {
			n, err := strconv.Atoi(e.Name())
			check(t, err)
			var st unix.Stat_t
			link, err := os.Readlink("/proc/self/fd/" + e.Name())
			if err == nil && unix.Fstat(n, &st) == nil {
				want[int32(n)] = fmt.Sprint(sort(link), " ", st.Dev, st.Ino, st.Mode, st.Rdev)
				if paths && len(link) < 256 && (sort(link) == "path" || sort(link) == "uts") {
					want[int32(n)] += " " + link
				}
			}
		}
		table, err := r.Read(paths)
		check(t, err)
		files, ok := table.Files(os.Getpid(), start(t))
		if !ok {
			t.Fatal("the reader itself is missing")
		}
		got := map[int32]string{}
		for f := range files.Each {
			id := f.ID()
			got[f.FD()] = fmt.Sprint(classes(f), " ", id.Dev, id.Ino, id.Mode, id.Rdev)
			if path := f.Path(); len(path) > 0 {
				got[f.FD()] += " " + string(path)
			}
			if !f.Stated() && f.Class() == openfile.Plain { // its stat may have other numbers: nobody may rely on ID
				got[f.FD()], want[f.FD()] = string(f.Path()), ""
				if link, err := os.Readlink(fmt.Sprint("/proc/self/fd/", f.FD())); err == nil && len(f.Path()) > 0 {
					want[f.FD()] = link
				}
			}
		}
		for fd := range want { // the directory and the iterator are only open during the reads
			if _, ok := got[fd]; !ok {
				delete(want, fd)
			}
		}
		for fd := range got {
			if _, ok := want[fd]; !ok {
				delete(got, fd)
			}
		}
		if len(got) < 10 {
			return fmt.Sprintf("only %d descriptors", len(got))
		}
		return cmp.Diff(want, got)
	})
}

// sort is the class of a descriptor by its link.
func sort(link string) string {
	switch {
	case strings.HasPrefix(link, "/"):
		return "path"
	case strings.HasPrefix(link, "anon_inode:"):
		return strings.TrimPrefix(link, "anon_inode:")
	}
	return strings.SplitN(link, ":", 2)[0]
}

func classes(f openfile.File) string {
	switch {
	case f.HasPath():
		return "path"
	case f.Class() == openfile.Anon:
		return string(f.Name())
	case f.Class() == openfile.Named:
		return "uts"
	}
	return map[openfile.Class]string{openfile.Socket: "socket", openfile.Pipe: "pipe"}[f.Class()]
}

// A pipe has the same bytes, room and ends as poll(2) and ioctl(2) tell.
func TestPipeStates(t *testing.T) {
	r := open(t)
	var full, small [2]int
	check(t, unix.Pipe2(full[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	check(t, unix.Pipe2(small[:], unix.O_CLOEXEC))
	defer unix.Close(full[0])
	defer unix.Close(full[1])
	defer unix.Close(small[1])
	for { // in pieces of several sizes, until the pipe is full
		if _, err := unix.Write(full[1], make([]byte, 5000)); err == unix.EAGAIN {
			break
		} else {
			check(t, err)
		}
	}
	if _, err := unix.Read(full[0], make([]byte, 7000)); err != nil { // the ring turns
		t.Fatal(err)
	}
	size, err := unix.FcntlInt(uintptr(small[1]), unix.F_SETPIPE_SZ, 8192)
	check(t, err)
	check(t, unix.Close(small[0]))
	queued, err := unix.IoctlGetInt(full[0], unix.TIOCINQ)
	check(t, err)
	capacity, err := unix.FcntlInt(uintptr(full[0]), unix.F_GETPIPE_SZ, 0)
	check(t, err)
	table, err := r.Read(false)
	check(t, err)
	pipes := table.Pipes()
	got := []process.PipeState{pipes[kerneltest.Inode(t, full[0])], pipes[kerneltest.Inode(t, small[1])]}
	want := []process.PipeState{{Queued: queued, Capacity: capacity}, {NoReaders: true, Capacity: size}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A thread with a table of its own is listed apart. Threads that share the table of the first one are not.
func TestOwnTables(t *testing.T) {
	r := open(t)
	tid, end := make(chan int), make(chan bool)
	kerneltest.OnOtherThread(func() {
		check(t, unix.Unshare(unix.CLONE_FILES))
		tid <- unix.Gettid()
		<-end
	})
	defer close(end)
	own := <-tid
	table, err := r.Read(false)
	check(t, err)
	if diff := cmp.Diff([]int32{int32(own)}, table.OwnTables(os.Getpid())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	first, ok := table.Files(os.Getpid(), start(t))
	other, found := table.Files(own, start(t))
	if !ok || !found || first.Table() == other.Table() {
		t.Errorf("tables: %v %v", ok, found)
	}
	if _, ok := table.Files(os.Getpid(), start(t)+1); ok {
		t.Error("a process with another start time has the descriptors")
	}
}

func BenchmarkOpen(b *testing.B) {
	root, err := sys.OpenRoot("")
	check(b, err)
	for b.Loop() {
		r, err := openfile.Open(root)
		if err != nil {
			b.Skip(err)
		}
		r.Close()
	}
}
