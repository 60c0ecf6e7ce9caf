package collect

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// pipe makes a pipe and returns its two ends.
func (s *scene) pipe() (read, write int) {
	s.Helper()
	var p [2]int
	s.check(unix.Pipe2(p[:], unix.O_CLOEXEC))
	for _, fd := range p {
		s.Cleanup(func() { unix.Close(fd) })
	}
	return p[0], p[1]
}

func (s *scene) pipeRef(kind schema.Kind, fd int) string {
	s.Helper()
	var st unix.Stat_t
	s.check(unix.Fstat(fd, &st))
	r := schema.Ref{Kind: kind, ID: st.Ino}
	if kind == schema.Fifo {
		r.Space = st.Dev
	}
	return r.String()
}

func (s *scene) endAt(fd int, mode string) schema.Endpoint {
	e := s.self
	e.FD, e.Mode = fd, mode
	return e
}

func (s *scene) ends(e ...schema.Endpoint) schema.Value { return schema.Endpoints(e, false) }

// pipeCells are the cells of a new, empty pipe. No thread waits for it.
func (s *scene) pipeCells(fd int, c cells) cells {
	s.Helper()
	size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	s.check(err)
	c["capacity"], c["fill"], c["waiters"] = schema.Bytes(uint64(size)), schema.Bytes(0), s.ends()
	return c
}

// send puts a descriptor into a socket and closes it here. Then no process holds it. back reads the other end of the
// socket and returns the descriptor.
func (s *scene) send(fd int) (back func() int) {
	s.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	s.check(err)
	s.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
	s.check(unix.Sendmsg(pair[0], []byte("x"), unix.UnixRights(fd), nil, 0))
	s.check(unix.Close(fd))
	return func() int {
		oob := make([]byte, 64)
		_, n, _, _, err := unix.Recvmsg(pair[1], make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
		s.check(err)
		messages, err := unix.ParseSocketControlMessage(oob[:n])
		s.check(err)
		fds, err := unix.ParseUnixRights(&messages[0])
		s.check(err)
		return fds[0]
	}
}

func TestPipe(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		r, w := s.pipe()
		ref := s.pipeRef(schema.Pipe, r)
		rows, edges := table(s.take(schema.Pipe), schema.Pipe)
		want := s.pipeCells(r, cells{"inode": schema.Int(int64(s.inode(r))), "readers": s.ends(s.endAt(r, "r")),
			"writers": s.ends(s.endAt(w, "w"))})
		if diff := gocmp.Diff(want, rows[ref]); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for _, edge := range []string{
			fmt.Sprintf("proc:%d reads %s fd %d observed", os.Getpid(), ref, r),
			fmt.Sprintf("proc:%d writes %s fd %d observed", os.Getpid(), ref, w),
		} {
			if !strings.Contains(strings.Join(edges, "\n")+"\n", edge+"\n") {
				t.Errorf("no edge %q in %q", edge, edges)
			}
		}
	})
}

func TestPipeWithoutOtherEnd(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		status := func(ref string) schema.Value {
			rows, _ := table(s.take(schema.Pipe), schema.Pipe)
			if rows[ref] == nil {
				t.Fatalf("no %s", ref)
			}
			return rows[ref]["status"] // the zero Value if there is no such object
		}
		for _, c := range []struct {
			word      string
			ends      func() (kept, gone int)
			afterward string
		}{
			{kinds.NoReaders, func() (int, int) { r, w := s.pipe(); return w, r }, "its reader"},
			{kinds.NoWriters, func() (int, int) { r, w := s.pipe(); return r, w }, "its writer"},
		} {
			kept, gone := c.ends()
			ref := s.pipeRef(schema.Pipe, kept)
			if got := status(ref); got.IsKnown() {
				t.Errorf("a pipe with both ends is %v", got)
			}
			back := s.send(gone)
			if got := status(ref); got.IsKnown() {
				t.Errorf("%s travels in a socket: it is not gone, but the status is %v", c.afterward, got)
			}
			s.check(unix.Close(back()))
			if got := status(ref); !got.Equal(schema.String(c.word)) {
				t.Errorf("%s is gone: got %v, want %s", c.afterward, got, c.word)
			}
		}
	})
}

// A descriptor may be visible but not duplicable (Yama, the filter of a container). Then nothing shows that an end is
// gone.
func TestPipeThatMayNotBePolled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		r, w := s.pipe()
		s.send(r)
		ref := s.pipeRef(schema.Pipe, w)
		got := make(chan schema.Value)
		kerneltest.OnOtherThread(func() { // the filter ends with the thread
			s.check(refuse(unix.SYS_PIDFD_GETFD))
			rows, _ := table(s.take(schema.Pipe), schema.Pipe)
			got <- rows[ref]["status"]
		})
		if v := <-got; v.State() != schema.Denied {
			t.Errorf("its reader travels in a socket, but the status is %v", v)
		}
	})
}

// refuse makes a system call fail with EPERM on this thread (man 2 seccomp).
func refuse(call uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // struct seccomp_data: nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: call},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// The number of the descriptor leads to another file by now. That file is not polled.
func TestOtherDescriptorIsNotPolled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		r, w := s.pipe()
		_, other := s.pipe()
		ino := s.inode(w)
		for fd, gone := range map[int]bool{w: false, other: true, s.socket(unix.AF_UNIX, unix.SOCK_STREAM, 0): true} {
			if _, err := process.PollPipe(os.Getpid(), fd, 0, ino); sys.Gone(err) != gone || !gone && err != nil {
				t.Errorf("fd %d: %v", fd, err)
			}
		}
		s.check(unix.Close(r))
	})
}

// Only the device and the inode number together name a FIFO.
func TestFIFOsOfOneNumber(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		want := map[string]cells{}
		var inodes []uint64
		for range 2 {
			dir := t.TempDir()
			s.check(unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
			t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
			path := filepath.Join(dir, "a fifo")
			s.check(unix.Mkfifo(path, 0o600))
			fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			s.check(err)
			t.Cleanup(func() { unix.Close(fd) })
			var st unix.Stat_t
			s.check(unix.Fstat(fd, &st))
			inodes = append(inodes, st.Ino)
			want[s.pipeRef(schema.Fifo, fd)] = s.pipeCells(fd, cells{
				"path": schema.String(path), "dev": schema.String(schema.FormatDev(st.Dev)),
				"inode":  schema.Int(int64(st.Ino)),
				"status": schema.String(kinds.NoWriters), "readers": s.ends(s.endAt(fd, "r")), "writers": s.ends(),
			})
		}
		if inodes[0] != inodes[1] || len(want) != 2 {
			t.Fatalf("inodes %v, refs %v: the two are to share a number", inodes, want)
		}
		rows, _ := table(s.take(schema.Fifo), schema.Fifo)
		if diff := gocmp.Diff(want, rows); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestFIFOEnds(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		path := filepath.Join(t.TempDir(), "fifo")
		s.check(unix.Mkfifo(path, 0o600))
		open := func(flags int) int {
			fd, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			s.check(err)
			return fd
		}
		status := func(ref string) schema.Value {
			rows, _ := table(s.take(schema.Fifo), schema.Fifo)
			return rows[ref]["status"]
		}
		r := open(unix.O_RDONLY)
		ref := s.pipeRef(schema.Fifo, r)
		w := open(unix.O_WRONLY)
		if got := status(ref); got.IsKnown() {
			t.Errorf("both ends are open: %v", got)
		}
		s.check(unix.Close(w))
		if got := status(ref); !got.Equal(schema.String(kinds.NoWriters)) {
			t.Errorf("the writer closed: %v", got)
		}
		w = open(unix.O_WRONLY)
		s.check(unix.Close(r))
		if got := status(ref); !got.Equal(schema.String(kinds.NoReaders)) {
			t.Errorf("the reader closed: %v", got)
		}
		s.check(unix.Close(w))
		both := open(unix.O_RDWR)
		if got := status(ref); got.IsKnown() {
			t.Errorf("one descriptor is both ends: %v", got)
		}
		s.check(unix.Close(both))
	})
}

// A process opens a pipe between two ticks. The second tick shows it, although the tables of processes that did not run
// are kept.
func TestNewPipeInTheNextTick(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "open-pipe")
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		c := New(host, time.Now)
		look := func() map[string]cells {
			rows, _ := table(c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Pipe: 0}}), schema.Pipe)
			return rows
		}
		for range 3 {
			before := look()
			w.Say("another")
			ref := "pipe:" + w.Read()[0]
			if _, had := before[ref]; had {
				t.Errorf("%s was there before it was made", ref)
			}
			if _, has := look()[ref]; !has {
				t.Errorf("%s is not seen", ref)
			}
		}
	})
}

// A file is renamed and unlinked while its holder sleeps.
func TestFIFOUnlinkedBetweenTicks(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		host, err := kernel.Open("")
		s.check(err)
		path := filepath.Join(t.TempDir(), "fifo")
		s.check(unix.Mkfifo(path, 0o600))
		w := kerneltest.Start(t, "open-file", path)
		ref := "fifo:" + w.Words[0]
		c := New(host, time.Now)
		look := func() string {
			rows, _ := table(c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Fifo: 0}}), schema.Fifo)
			return rows[ref]["path"].Str()
		}
		var got []string
		got = append(got, look())
		s.check(os.Rename(path, path+"2"))
		got = append(got, look())
		s.check(os.Remove(path + "2"))
		got = append(got, look(), look())
		if diff := gocmp.Diff([]string{path, path + "2", path + "2 (deleted)", path + "2 (deleted)"}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// A FIFO was left out because a file system whose server never answers lies over it. It stays left out while its holder
// sleeps.
func TestPassedOverInEveryTick(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		host, err := kernel.Open("")
		s.check(err)
		dir := t.TempDir()
		path := filepath.Join(dir, "fifo")
		s.check(unix.Mkfifo(path, 0o600))
		kerneltest.Start(t, "open-file", path)
		s.deadMount(dir)
		c := New(host, time.Now)
		for range 3 {
			snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Fifo: 0}})
			if len(snap.Faults) != 1 || snap.Faults[0].Count != 1 {
				t.Errorf("faults: %+v", snap.Faults)
			}
		}
	})
}

// deadMount mounts a file system over a directory. Its server never answers.
func (s *scene) deadMount(dir string) {
	s.Helper()
	server, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		s.Skipf("needs FUSE: %v", err)
	}
	s.Cleanup(func() { unix.Close(server) })
	s.check(unix.Mount("none", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV,
		fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", server)))
	s.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// workOpenFile opens a file for reading and writing, and sleeps. Such an open of a FIFO needs no partner.
func workOpenFile(j *kerneltest.Job) {
	fd, err := unix.Open(j.Args[0], unix.O_RDWR|unix.O_CLOEXEC, 0)
	j.Check(err)
	var st unix.Stat_t
	j.Check(unix.Fstat(fd, &st))
	j.Ready(fmt.Sprintf("%d@%s", st.Ino, schema.FormatDev(st.Dev)))
	j.Wait()
}

func workOpenPipe(j *kerneltest.Job) {
	j.Ready()
	for {
		j.Wait()
		var p [2]int
		j.Check(unix.Pipe(p[:]))
		var st unix.Stat_t
		j.Check(unix.Fstat(p[0], &st))
		j.Ready(st.Ino)
	}
}

// workLookAtStdin prints what an ordinary user sees of the pipe that is its standard input. The writer of the pipe
// belongs to another user.
func workLookAtStdin(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Pipe: kinds.NeedPipeEnds}})
	var st unix.Stat_t
	j.Check(unix.Fstat(0, &st))
	rows, _ := table(snap, schema.Pipe)
	row := rows[schema.Ref{Kind: schema.Pipe, ID: st.Ino}.String()]
	told := map[string]any{
		"readers": len(row["readers"].Endpoints()), "partly": row["readers"].Partial(),
		"writers denied": row["writers"].State() == schema.Denied, "status known": row["status"].IsKnown(),
	}
	for _, f := range snap.Faults {
		told["fault "+f.Source] = fmt.Sprint(f.Denied, f.Count > 0)
	}
	text, err := json.Marshal(told)
	j.Check(err)
	j.Ready(string(text))
}

func TestPipeOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: one of the two users has to be somebody else")
	}
	kerneltest.InNamespace(t, func() {
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "look-at-stdin")
		var got map[string]any
		if err := json.Unmarshal([]byte(strings.Join(w.Words, " ")), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"readers": 1.0, "partly": true, "writers denied": true, "status known": false,
			"fault fd": "true true"}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
