package demo_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/demo"
)

// world is what the kernel shows of the objects. The tests compare it with the promises of the scenarios.
type world struct {
	t    *testing.T
	h    *kernel.Host
	unix map[uint64]sock.UnixSocket
	inet map[uint64]sock.InetSocket
}

func readWorld(t *testing.T) *world {
	w := &world{t: t, h: host(t), unix: map[uint64]sock.UnixSocket{}, inet: map[uint64]sock.InetSocket{}}
	us, err := w.h.UnixSockets()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range us {
		w.unix[s.Inode] = s
	}
	is, err := w.h.InetSockets(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range is {
		w.inet[s.Inode] = s
	}
	return w
}

func (w *world) comm(pid int) string {
	st, err := stat(pid)
	if err != nil {
		return "gone"
	}
	return st.Comm
}

// call is the name of the system call that the main thread of the process sleeps in. It knows only the calls of these
// tests.
func (w *world) call(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	if err != nil {
		return err.Error()
	}
	word, _, _ := strings.Cut(string(text), " ")
	nr, _ := strconv.Atoi(word)
	names := map[int]string{
		unix.SYS_MSGSND: "msgsnd", unix.SYS_MSGRCV: "msgrcv", unix.SYS_SEMTIMEDOP: "semtimedop",
		unix.SYS_MQ_TIMEDSEND: "mq_send", unix.SYS_FUTEX: "futex",
		unix.SYS_READ: "read", unix.SYS_WRITE: "write", unix.SYS_OPENAT: "openat", unix.SYS_FLOCK: "flock",
		unix.SYS_FCNTL: "fcntl", unix.SYS_EPOLL_PWAIT: "epoll_wait", epollWaitCall: "epoll_wait",
		unix.SYS_PPOLL: "poll",
		pollCall:       "poll",
	}
	return names[nr]
}

// held lists the processes that hold an inode ("pipe:[1]", a path), with their modes: "demo-reader r".
func (w *world) held(target string) []string {
	var all []string
	pids, err := w.h.PIDs()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, pid := range pids {
		dir, err := w.h.OpenProc(pid)
		if err != nil {
			continue
		}
		dir.FDs(make([]byte, 8<<10), func(d *process.FDDir, _ int, to []byte) {
			if access, err := d.Access(); err == nil && string(to) == target {
				all = append(all, fmt.Sprintf("%s %s", w.comm(pid), access))
			}
		})
		dir.Close()
	}
	slices.Sort(all)
	return all
}

// promises describes for every scenario what the kernel should show of it.
var promises = map[string]struct {
	want []string
	got  func(w *world, made []demo.Object) []string
}{
	"msg-typed": {[]string{"5 messages, sent by demo-queue", "demo-queue poll"},
		func(w *world, made []demo.Object) []string {
			q := w.queue(made[0])
			return append([]string{fmt.Sprintf("%d messages, sent by %s", q.QNum, w.comm(int(q.LSPid)))},
				w.calls(made)...)
		}},
	"msg-full": {[]string{"full", "demo-filler poll", "demo-sender msgsnd"},
		func(w *world, made []demo.Object) []string {
			q := w.queue(made[0])
			full := "room"
			if q.CBytes+512 > q.QBytes {
				full = "full"
			}
			return append([]string{full}, w.calls(made)...)
		}},
	"msg-empty": {[]string{"0 messages", "demo-receiver msgrcv"}, func(w *world, made []demo.Object) []string {
		return append([]string{fmt.Sprint(w.queue(made[0]).QNum, " messages")}, w.calls(made)...)
	}},
	"psem-waiting": {[]string{"0 with 1 waiting", "demo-psem poll", "demo-psem-wait futex"},
		func(w *world, made []demo.Object) []string {
			sems, err := w.h.AllPosixSems(true)
			if err != nil || len(sems) != 1 || "/"+sems[0].Name != made[0].Path || sems[0].Ino != made[0].Ref.Gen {
				w.t.Fatalf("semaphores %+v (%v)", sems, err)
			}
			return append([]string{fmt.Sprintf("%d with %d waiting", sems[0].Value, sems[0].Waiters)}, w.calls(made)...)
		}},
	"pshm-shared": {[]string{"1048576 bytes, 4096 of them there", "demo-pshm maps 1", "demo-pshm-user maps 1"},
		func(w *world, made []demo.Object) []string {
			f, err := w.h.PosixShmStat(made[0].Path)
			if err != nil || f.Ino != made[0].Ref.Gen {
				w.t.Fatalf("%+v (%v)", f, err)
			}
			return append([]string{fmt.Sprintf("%d bytes, %d of them there", f.Size, f.Allocated)},
				w.mapping(made, f.Dev, f.Ino)...)
		}},
	"pshm-deleted": {[]string{"no name", "demo-pshm-gone maps 1"}, func(w *world, made []demo.Object) []string {
		name := "no name"
		if _, err := w.h.PosixShmStat(made[0].Path); !errors.Is(err, fs.ErrNotExist) {
			name = fmt.Sprint(err)
		}
		return append([]string{name}, w.mapping(made, made[0].Ref.Space, made[0].Ref.ID)...)
	}},
	"memfd-shared": {[]string{"demo-memfd maps 1", "demo-memfd-user maps 1", "demo-memfd"},
		func(w *world, made []demo.Object) []string {
			name := "/memfd:ipctop-demo (deleted)"
			var holders []string
			for _, h := range w.held(name) {
				holders = append(holders, strings.TrimSuffix(h, " rw"))
			}
			return append(w.mapping(made, made[0].Ref.Space, made[0].Ref.ID), holders...)
		}},
	"mmap-shared": {[]string{"demo-mmap maps 1", "demo-mmap-user maps 1"}, func(w *world, made []demo.Object) []string {
		return w.mapping(made, made[0].Ref.Space, made[0].Ref.ID)
	}},
	"pmsg-full": {[]string{"4 of 4, notifies demo-mq of 28", "demo-mq poll", "demo-mq-sender mq_send"},
		func(w *world, made []demo.Object) []string {
			queues, err := w.h.AllPosixQueues(true, true)
			if err != nil || len(queues) != 1 || "/"+queues[0].Name != made[0].Path ||
				queues[0].Ino != made[0].Ref.Gen {
				w.t.Fatalf("queues %+v (%v)", queues, err)
			}
			q := queues[0]
			return append([]string{fmt.Sprintf("%d of %d, notifies %s of %d", q.Messages, q.MaxMsg, w.comm(q.NotifyPID),
				q.Signo)}, w.calls(made)...)
		}},
	"sem-waiters": {
		[]string{"0 n1 z0", "1 n0 z1", "5 n0 z0", "demo-semset poll", "demo-ncnt-wait semtimedop",
			"demo-zcnt-wait semtimedop"},
		(*world).semaphores,
	},
	"sem-undo": {[]string{"0 n1 z0", "demo-holder poll", "demo-next semtimedop"}, (*world).semaphores},
	"sem-deadlock": {[]string{"0 n1 z0", "0 n1 z0", "demo-abba-a semtimedop", "demo-abba-b semtimedop"},
		(*world).semaphores},
	"shm-attached": {[]string{"nattch 2 by demo-shm-owner", "demo-shm-owner poll", "demo-shm-user poll"},
		(*world).segment},
	"shm-orphan":  {[]string{"nattch 0 by gone", "gone"}, (*world).segment},
	"shm-dest":    {[]string{"nattch 1 by demo-shm-dest private dest", "demo-shm-dest poll"}, (*world).segment},
	"shm-locked":  {[]string{"nattch 1 by demo-shm-locked locked", "demo-shm-locked poll"}, (*world).segment},
	"shm-private": {[]string{"nattch 1 by demo-shm-priv private", "demo-shm-priv poll"}, (*world).segment},
	"pipe-full": {
		[]string{"demo-reader r", "demo-writer w", "demo-reader poll", "demo-writer write"},
		(*world).pipe,
	},
	"pipe-ring": {
		[]string{"demo-ring-1 reads 1, writes 2", "demo-ring-2 reads 2, writes 3", "demo-ring-3 reads 3, writes 1",
			"demo-ring-1 read", "demo-ring-2 read", "demo-ring-3 read"},
		(*world).ring,
	},
	"pipe-no-reader": {[]string{"demo-orphan-wr w", "demo-orphan-wr poll"}, (*world).pipe},
	"fifo-waiting": {[]string{"demo-fifo-read r", "demo-fifo-read poll", "demo-fifo-open openat"},
		func(w *world, made []demo.Object) []string {
			return append(w.held(made[0].Path), w.calls(made)...)
		}},
	"unix-stream":    {unixPairPromise("stream"), (*world).unixPair},
	"unix-seqpacket": {unixPairPromise("seqpacket"), (*world).unixPair},
	"unix-abstract":  {unixPairPromise("stream"), (*world).unixPair},
	"unix-dgram": {[]string{"dgram path, 11 unread", "dgram ESTAB unnamed, peer 0"},
		func(w *world, made []demo.Object) []string {
			bound, sender := w.unix[made[0].Ref.ID], w.unix[made[1].Ref.ID]
			peer := slices.IndexFunc(made, func(o demo.Object) bool { return o.Ref.ID == sender.Peer })
			return []string{
				fmt.Sprintf("%s %s, %d unread", bound.Type, naming(bound), bound.RecvQueue),
				fmt.Sprintf("%s %s %s, peer %d", sender.Type, sender.State, naming(sender), peer),
			}
		}},
	"unix-pending": {[]string{"stream LISTEN path, 1 of 4 pending: true"}, func(w *world, made []demo.Object) []string {
		s := w.unix[made[0].Ref.ID]
		return []string{fmt.Sprintf("%s %s %s, %d of %d pending: %v", s.Type, s.State, naming(s), s.RecvQueue,
			s.SendQueue, slices.Equal(s.Pending, []uint64{made[1].Ref.ID}))}
	}},
	"tcp-listen":      {[]string{"tcp LISTEN 0 16 to nobody"}, (*world).tcp},
	"tcp-established": {[]string{"tcp LISTEN 0 8 to nobody", "tcp ESTAB 0 0 to 2", "tcp ESTAB 7 0 to 1"}, (*world).tcp},
	"tcp-close-wait": {[]string{"tcp LISTEN 0 8 to nobody", "tcp CLOSE-WAIT 1 0 to 2", "tcp FIN-WAIT-2 0 0 to 1"},
		(*world).tcp},
	"udp": {[]string{"udp UNCONN unread", "udp ESTAB empty"}, (*world).udp},
	"locks": {
		[]string{
			"FLOCK WRITE 0-EOF by demo-lock-hold, waiting WRITE 0-EOF",
			"POSIX WRITE 10-99 by demo-lock-hold, waiting WRITE 12-19",
			"OFDLCK WRITE 10-99 by gone, waiting WRITE 50-EOF", "demo-lock-hold poll", "demo-lock-hold poll",
			"demo-lock-hold poll",
			"demo-lock-flock flock", "demo-lock-posix fcntl", "demo-lock-ofd fcntl",
		},
		(*world).locks,
	},
	"epoll": {[]string{"2 targets, waits: true", "not armed", "demo-epoll epoll_wait"},
		func(w *world, made []demo.Object) []string {
			targets := fdinfo.ParseEpoll(w.fdinfo(made[0]))
			watches := len(targets) == 2 && targets[0].Ino == made[1].Ref.ID || targets[1].Ino == made[1].Ref.ID
			timer, err := fdinfo.ParseTimerFD(w.fdinfo(made[2]))
			armed := "not armed"
			if err != nil || timer.Remaining != 0 {
				armed = fmt.Sprint(timer, err)
			}
			return []string{fmt.Sprintf("%d targets, waits: %v", len(targets), watches), armed, w.calls(made)[0]}
		}},
	"signalfd": {[]string{"0000000200000201", "demo-signalfd poll"}, func(w *world, made []demo.Object) []string {
		set, err := fdinfo.ParseSignalFD(w.fdinfo(made[0]))
		return append([]string{fmt.Sprintf("%016x%s", uint64(set), errText(err))}, w.calls(made)...)
	}},
	"timerfd": {[]string{"clock 7, 1 ticks, every 1h0m0s", "demo-timerfd poll"},
		func(w *world, made []demo.Object) []string {
			timer, err := fdinfo.ParseTimerFD(w.fdinfo(made[0]))
			return append([]string{fmt.Sprintf("clock %d, %d ticks, every %s%s", timer.Clock, timer.Ticks,
				timer.Interval, errText(err))}, w.calls(made)...)
		}},
	"inotify": {[]string{"1 watches of 300", "demo-inotify poll"}, func(w *world, made []demo.Object) []string {
		watches := fdinfo.ParseInotify(w.fdinfo(made[0]))
		return append([]string{fmt.Sprintf("%d watches of %x", len(watches), watches[0].Mask)}, w.calls(made)...)
	}},
	"pidfd": {[]string{"itself: true", "demo-pidfd poll"}, func(w *world, made []demo.Object) []string {
		p, err := fdinfo.ParsePidFD(w.fdinfo(made[0]))
		return append([]string{fmt.Sprintf("itself: %v%s", p.PID == made[0].PID, errText(err))}, w.calls(made)...)
	}},
	"io_uring": {[]string{"8 and 16", "demo-io-uring poll"}, func(w *world, made []demo.Object) []string {
		u, err := fdinfo.ParseIOUring(w.fdinfo(made[0]))
		return append([]string{fmt.Sprintf("%d and %d%s", u.SQEntries, u.CQEntries, errText(err))}, w.calls(made)...)
	}},
	"pty": {[]string{"demo-shell rw", "demo-terminal poll", "demo-shell read"},
		func(w *world, made []demo.Object) []string {
			if got := w.info(made[0].PID, 6, "tty-index"); got != strconv.FormatUint(made[0].Ref.ID, 10) {
				w.t.Errorf("the master is that of pts/%s", got)
			}
			return append(w.held(fmt.Sprintf("/dev/pts/%d", made[0].Ref.ID)), w.calls(made)...)
		}},
	"eventfd": {[]string{"0", "semaphore", "demo-evt-hold poll", "demo-evt-wait read"},
		func(w *world, made []demo.Object) []string {
			return append([]string{w.info(made[0].PID, 6, "eventfd-count"),
				map[string]string{"1": "semaphore"}[w.info(made[0].PID, 6, "eventfd-semaphore")]}, w.calls(made)...)
		}},
	"processes": {
		[]string{
			"demo-tree S", "demo-zombie Z below demo-tree", "demo-stopped T below demo-tree",
			"demo-daemon S below demo-tree own session",
			"demo-stubborn S below demo-tree ignores SIGTERM", "demo-niced S below demo-tree nice 10",
		},
		(*world).tree,
	},
}

func TestScenariosAreWhatTheyPromise(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		made := map[string][]demo.Object{}
		for _, o := range start(t).Objects() {
			made[o.Scenario] = append(made[o.Scenario], o)
		}
		w := readWorld(t)
		for _, s := range demo.Scenarios() {
			t.Run(s.Name, func(t *testing.T) {
				w.t = t
				promise, ok := promises[s.Name]
				if !ok || len(made[s.Name]) == 0 {
					t.Fatalf("made %v, and a promise is there: %v", made[s.Name], ok)
				}
				if diff := cmp.Diff(promise.want, promise.got(w, made[s.Name])); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				for _, o := range made[s.Name] {
					if o.PID == 0 || o.LookFor == "" {
						t.Errorf("%+v says too little", o)
					}
				}
			})
		}
	}, unix.CLONE_NEWNET)
}

// The pipes of the workers themselves must not be among the objects. There is one lifeline and no report pipe.
func TestNoPipeButThoseShown(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := start(t)
		shown := map[string]bool{}
		for _, o := range r.Objects() {
			if o.Ref.Kind == schema.Pipe {
				shown[fmt.Sprintf("pipe:[%d]", o.Ref.ID)] = true
			}
		}
		h := host(t)
		pids, err := h.PIDs()
		if err != nil {
			t.Fatal(err)
		}
		others := map[string][]string{}
		for _, pid := range pids {
			st, err := stat(pid)
			if err != nil || !strings.HasPrefix(st.Comm, "demo-") {
				continue
			}
			dir, err := h.OpenProc(pid)
			if err != nil {
				t.Fatal(err)
			}
			dir.FDs(make([]byte, 8<<10), func(_ *process.FDDir, fd int, to []byte) {
				if strings.HasPrefix(string(to), "pipe:") && !shown[string(to)] && fd > 2 {
					others[string(to)] = append(others[string(to)], fmt.Sprint(st.Comm, " ", fd))
				}
			})
			dir.Close()
		}
		if len(others) != 1 {
			t.Errorf("besides the pipes shown, the workers hold %v, want the lifeline alone", others)
		}
	}, unix.CLONE_NEWNET)
}

func errText(err error) string {
	if err != nil {
		return ", " + err.Error()
	}
	return ""
}

// fdinfo is the fdinfo of an object whose name is its descriptor, "PID/FD".
func (w *world) fdinfo(o demo.Object) []byte {
	pid, fd, _ := strings.Cut(o.Ref.Name, "/")
	text, err := os.ReadFile("/proc/" + pid + "/fdinfo/" + fd)
	if err != nil {
		w.t.Error(err)
	}
	return text
}

// info is one line of /proc/PID/fdinfo/N.
func (w *world) info(pid, fd int, name string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		w.t.Error(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func (w *world) calls(made []demo.Object) []string {
	var all []string
	for _, o := range made {
		all = append(all, w.comm(o.PID)+" "+w.call(o.PID))
	}
	return all
}

// mapping counts the mappings of a file in each worker.
func (w *world) mapping(made []demo.Object, dev, ino uint64) []string {
	var all []string
	for _, o := range made {
		dir, err := w.h.OpenProc(o.PID)
		if err != nil {
			w.t.Fatal(err)
		}
		maps, err := dir.SharedMaps(make([]byte, 64<<10))
		dir.Close()
		if err != nil {
			w.t.Fatal(err)
		}
		n := 0
		for _, m := range maps {
			if m.Dev == dev && m.Ino == ino {
				n++
			}
		}
		all = append(all, fmt.Sprintf("%s maps %d", w.comm(o.PID), n))
	}
	return all
}

func (w *world) queue(o demo.Object) sysv.MsgQueue {
	q, err := w.h.MsgStat(int(o.Ref.ID))
	if err != nil || q.Key != o.Key || q.CTime != int64(o.Ref.Gen) {
		w.t.Errorf("%+v is %+v (%v)", o, q, err)
	}
	return q
}

func (w *world) semaphores(made []demo.Object) []string {
	s, err := w.h.SemStat(int(made[0].Ref.ID))
	if err != nil || s.Key != made[0].Key || s.CTime != int64(made[0].Ref.Gen) {
		w.t.Errorf("%+v is %+v (%v)", made[0], s, err)
	}
	values, err := w.h.SemValues(s.ID, int(s.NSems))
	if err != nil {
		w.t.Error(err)
	}
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf("%d n%d z%d", v.Value, v.NCount, v.ZCount))
	}
	return append(all, w.calls(made)...)
}

func (w *world) segment(made []demo.Object) []string {
	s, err := w.h.ShmStat(int(made[0].Ref.ID))
	if err != nil || s.Key != made[0].Key || s.CTime != int64(made[0].Ref.Gen) || int(s.CPid) != made[0].PID {
		w.t.Errorf("%+v is %+v (%v)", made[0], s, err)
	}
	text := fmt.Sprintf("nattch %d by %s", s.NAttch, w.comm(int(s.CPid)))
	if s.Key == sysv.KeyPrivate {
		text += " private"
	}
	if s.Dest() {
		text += " dest"
	}
	if s.Locked() {
		text += " locked"
	}
	if w.comm(made[0].PID) == "gone" {
		return []string{text, "gone"}
	}
	return append([]string{text}, w.calls(made)...)
}

// ring lists the pipes that are the standard input and output of each process.
func (w *world) ring(made []demo.Object) []string {
	var all []string
	for _, o := range made {
		var ends [2]int
		for fd := range ends {
			to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", o.PID, fd))
			if err != nil {
				w.t.Fatal(err)
			}
			ends[fd] = 1 + slices.IndexFunc(made,
				func(p demo.Object) bool { return to == fmt.Sprintf("pipe:[%d]", p.Ref.ID) })
		}
		all = append(all, fmt.Sprintf("%s reads %d, writes %d", w.comm(o.PID), ends[0], ends[1]))
	}
	return append(all, w.calls(made)...)
}

func (w *world) pipe(made []demo.Object) []string {
	return append(w.held(fmt.Sprintf("pipe:[%d]", made[0].Ref.ID)), w.calls(made)...)
}

func naming(s sock.UnixSocket) string {
	return map[sock.UnixNaming]string{sock.UnixPath: "path", sock.UnixAbstract: "abstract",
		sock.UnixUnnamed: "unnamed"}[s.Naming]
}

func unixPairPromise(kind string) []string {
	return []string{kind + " LISTEN 0 unread, peer -1", kind + " ESTAB 0 unread, peer 2",
		kind + " ESTAB 7 unread, peer 1"}
}

func (w *world) unixPair(made []demo.Object) []string {
	var all []string
	for _, o := range made {
		s := w.unix[o.Ref.ID]
		peer := slices.IndexFunc(made, func(o demo.Object) bool { return o.Ref.ID == s.Peer })
		all = append(all, fmt.Sprintf("%s %s %d unread, peer %d", s.Type, s.State, s.RecvQueue, peer))
		wantName := strings.TrimPrefix(o.Path, "@")
		if s.Name != wantName || (s.Naming == sock.UnixAbstract) != strings.HasPrefix(o.Path, "@") {
			w.t.Errorf("%+v has the name %q (%v)", o, s.Name, s.Naming)
		}
	}
	return all
}

func (w *world) tcp(made []demo.Object) []string {
	var all []string
	for _, o := range made {
		s := w.inet[o.Ref.ID]
		if s.Local.String() != o.Path {
			w.t.Errorf("%+v is at %s", o, s.Local)
		}
		to := "nobody"
		if i := slices.IndexFunc(made, func(o demo.Object) bool {
			other := w.inet[o.Ref.ID]
			return other.Local == s.Remote && other.Remote == s.Local
		}); i >= 0 {
			to = strconv.Itoa(i)
		}
		all = append(all, fmt.Sprintf("%s %s %d %d to %s", s.Protocol, s.State, s.RecvQueue, s.SendQueue, to))
	}
	slices.Sort(all[1:])
	return all
}

func (w *world) udp(made []demo.Object) []string {
	var all []string
	for _, o := range made {
		s := w.inet[o.Ref.ID]
		data := "empty"
		if s.RecvQueue > 0 {
			data = "unread"
		}
		all = append(all, fmt.Sprintf("%s %s %s", s.Protocol, s.State, data))
	}
	return all
}

// locks lists the locks on the files of the scenario, with their waiters.
func (w *world) locks(made []demo.Object) []string {
	held, err := w.h.Locks()
	if err != nil {
		w.t.Error(err)
	}
	var all []string
	for _, o := range made {
		ino, _, _ := strings.Cut(o.Ref.Name, "/")
		for _, l := range held {
			if l.Dev == o.Ref.Space && strconv.FormatUint(l.Ino, 10) == ino {
				text := fmt.Sprintf("%s %s %s by %s", l.Class, l.Mode, l.Range(), w.comm(l.PID))
				for _, wait := range l.Waiters {
					text += fmt.Sprintf(", waiting %s %s", wait.Mode, wait.Range())
				}
				all = append(all, text)
			}
		}
	}
	return append(all, w.calls(made)...)
}

func (w *world) tree(made []demo.Object) []string {
	var all []string
	own, err := stat(os.Getpid())
	if err != nil {
		w.t.Fatal(err)
	}
	for i, o := range made {
		st, err := stat(o.PID)
		if err != nil || st.Start != o.Ref.Gen {
			w.t.Errorf("%+v is %+v (%v)", o, st, err)
		}
		text := fmt.Sprintf("%s %c", st.Comm, st.State)
		if i > 0 {
			text += " below " + w.comm(st.PPID)
		}
		if st.SID == st.PID {
			text += " own session"
		}
		if sigIgn(w.t, o.PID)&(1<<(unix.SIGTERM-1)) != 0 {
			text += " ignores SIGTERM"
		}
		switch st.Nice {
		case own.Nice:
		case min(own.Nice+10, 19): // the highest nice value
			text += " nice 10"
		default:
			text += fmt.Sprint(" nice ", st.Nice, " below one of ", own.Nice)
		}
		all = append(all, text)
	}
	return all
}

func sigIgn(t *testing.T, pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Error(err)
	}
	_, after, _ := strings.Cut(string(text), "SigIgn:\t")
	word, _, _ := strings.Cut(after, "\n")
	mask, err := strconv.ParseUint(word, 16, 64)
	if err != nil {
		t.Error(err)
	}
	return mask
}
