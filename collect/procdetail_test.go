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
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// lookInto collects the on-demand columns of processes, and returns the cells of one. With page it reads them only for
// that one, like the page of the process.
func (s *scene) lookInto(pid int, page bool) cells {
	s.Helper()
	host, err := kernel.Open("")
	s.check(err)
	req := Request{Want: map[schema.Kind]schema.Need{schema.Proc: proc.NeedProcs}}
	if page {
		req.Detail = schema.Ref{Kind: schema.Proc, ID: uint64(pid), Gen: s.startOf(pid)}
	} else {
		req.Want[schema.Proc] = kinds.Proc().NeedsOf(kinds.Proc().OnDemand)
	}
	rows, _ := table(New(host, time.Now).Take(req), schema.Proc)
	row := rows[fmt.Sprintf("proc:%d", pid)]
	kept := cells{}
	for _, id := range kinds.Proc().OnDemand {
		if v, ok := row[id]; ok {
			kept[id] = v
		}
	}
	return kept
}

func (s *scene) startOf(pid int) uint64 {
	s.Helper()
	for _, o := range s.take(schema.Proc).Objects[schema.Proc] {
		if o.Ref.ID == uint64(pid) {
			return o.Ref.Gen
		}
	}
	s.Fatalf("no process %d", pid)
	return 0
}

func TestProcessDetails(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		cat := exec.Command("cat")
		cat.Dir = t.TempDir()
		stdin, err := cat.StdinPipe()
		s.check(err)
		s.check(cat.Start())
		defer cat.Wait()
		defer stdin.Close()
		pid := cat.Process.Pid
		var pipe string
		kerneltest.Eventually(t, "cat reads", func() bool {
			pipe, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/0", pid))
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
			return strings.HasPrefix(string(text), fmt.Sprintf("%d 0x0 ", unix.SYS_READ))
		})
		exe, err := filepath.EvalSymlinks(cat.Path)
		s.check(err)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		s.check(err)
		masks, err := process.ParseSignalMasks(status)
		s.check(err)
		caps, err := process.ParseCapabilities(status)
		s.check(err)
		groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		s.check(err)
		const rlimitMsgQueue = 12 // include/uapi/asm-generic/resource.h
		s.check(unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 123, Max: 124}, nil))
		s.check(unix.Prlimit(pid, rlimitMsgQueue, &unix.Rlimit{Cur: 4567, Max: 4568}, nil))
		list, text := schema.List, schema.String
		want := cells{
			"nofile": schema.Int(123), "msgqueue": schema.Bytes(4567),
			"sigpend": list(nil), "sigblk": list(nil), "sigign": list(masks.Ignored.Names()), "sigcgt": list(nil),
			"capeff": list(caps.Effective.Names()), "capprm": list(caps.Permitted.Names()), "capinh": list(nil),
			"capamb": list(nil),
			"capbnd": list(caps.Bounding.Names()), "cwd": text(cat.Dir), "root": text("/"), "exe": text(exe),
			"nspid":         schema.List([]string{strconv.Itoa(pid)}),
			"control_group": text(kinds.ControlGroup(string(groups))),
			"threads":       list([]string{fmt.Sprintf("%d/cat/S", pid)}),
			"blocked":       list([]string{fmt.Sprintf("%d: read on pipe:%s", pid, strings.Trim(pipe, "pie:[]"))}),
		}
		pidfd, err := unix.PidfdOpen(pid, 0)
		s.check(err)
		defer unix.Close(pidfd)
		var on unix.Statfs_t
		var st unix.Stat_t
		s.check(unix.Fstatfs(pidfd, &on))
		s.check(unix.Fstat(pidfd, &st))
		if on.Type == unix.PID_FS_MAGIC { // since Linux 6.9
			want["pidfs"] = text(fmt.Sprintf("%d:%d", pid, st.Ino))
		}
		if id := proc.ContainerID(string(groups)); id != "" {
			want["container_id"] = text(id)
		}
		for _, page := range []bool{false, true} {
			if diff := gocmp.Diff(want, s.lookInto(pid, page)); diff != "" {
				t.Errorf("page %v (-want +got):\n%s", page, diff)
			}
		}
		// Columns that nobody asks for are not read.
		host, err := kernel.Open("")
		s.check(err)
		rows, _ := table(New(host,
			time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Proc: proc.NeedProcs}}),
			schema.Proc)
		for _, id := range kinds.Proc().OnDemand {
			if v := rows[fmt.Sprintf("proc:%d", pid)][id]; v.State() != schema.NotCollected {
				t.Errorf("%s was read: %v", id, v)
			}
		}
	})
}

// workSleepers has threads that sleep in a semop, a read, an accept, an open, and on a futex of a segment. Its
// arguments are: set, segment, socket path, FIFO.
func workSleepers(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	set, segment := argument(j, 0), argument(j, 1)
	data, err := a.ShmAttach(segment, false)
	j.Check(err)
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	j.Check(err)
	j.Check(unix.Bind(listener, &unix.SockaddrUnix{Name: j.Args[2]}))
	j.Check(unix.Listen(listener, 1))
	var ends [2]int
	j.Check(unix.Pipe(ends[:]))
	inode := func(fd int) uint64 {
		var st unix.Stat_t
		j.Check(unix.Fstat(fd, &st))
		return st.Ino
	}
	j.Ready(inode(ends[0]), inode(listener))
	go a.SemOp(set, []sysv.SemOp{{Num: 1, Op: -1}}, -1)
	go unix.Read(ends[0], make([]byte, 1))
	go unix.Accept(listener)
	go unix.Open(j.Args[3], unix.O_WRONLY, 0)
	// FUTEX_WAIT without the flag for private futexes
	go unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&data[0x40])), 0, 0, 0, 0, 0)
	j.Wait()
}

func TestWhatThreadsSleepIn(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir := t.TempDir()
		door, fifo := dir+"/door", dir+"/fifo"
		s.check(unix.Mkfifo(fifo, 0o600))
		var st unix.Stat_t
		s.check(unix.Stat(fifo, &st))
		set := s.id(s.admin.SemGet(sysv.KeyPrivate, 2, createIPC|0o600))
		segment := s.id(s.admin.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600))
		w := kerneltest.Start(t, "sleepers", fmt.Sprint(set), fmt.Sprint(segment), door, fifo)
		want := []string{
			fmt.Sprintf("accept on unix:%s (%s)", w.Words[1], door),
			fmt.Sprintf("futex in shm:%d+0x40", segment),
			fmt.Sprintf("open on %s for writing", schema.Ref{Kind: schema.Fifo, Space: st.Dev, ID: st.Ino}),
			"read on pipe:" + w.Words[0],
			fmt.Sprintf("semop on sem:%d [1] -1", set),
		}
		var got []string
		kerneltest.Eventually(t, "its threads sleep", func() bool {
			got = nil
			for _, line := range s.lookInto(w.PID, true)["blocked"].List() {
				// The threads of the Go runtime sleep in private futexes and in its poller.
				if _, in, _ := strings.Cut(line, ": "); slices.Contains(want, in) {
					got = append(got, in)
				}
			}
			slices.Sort(got)
			return len(got) == len(want)
		})
		s.equal("blocked", want, got)
	})
}

// Details of another user's process that may not be read are denied cells.
func TestDetailsThatMayNotBeRead(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only")
	}
	kerneltest.InNamespace(t, func() {
		nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
		says := kerneltest.StartAs(t, nobody, "look-into", fmt.Sprint(os.Getpid())).Words
		if diff := gocmp.Diff([]string{"blocked", "cwd", "exe", "root"}, says); diff != "" {
			t.Errorf("denied (-want +got):\n%s", diff)
		}
	})
}

// workLookInto prints which details of a process were denied.
func workLookInto(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	snap := New(host, time.Now).Take(Request{
		Want: map[schema.Kind]schema.Need{schema.Proc: kinds.Proc().NeedsOf(kinds.Proc().OnDemand)}})
	rows, _ := table(snap, schema.Proc)
	var denied []any
	for id, v := range rows[fmt.Sprintf("proc:%d", argument(j, 0))] {
		if v.State() == schema.Denied {
			denied = append(denied, id)
		}
	}
	slices.SortFunc(denied, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	j.Ready(denied...)
}
