package collect

import (
	"encoding/binary"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// compareOne compares an object without a number that only this process has open.
func (s *scene) compareOne(kind schema.Kind, fd int, c cells) {
	s.Helper()
	c["holders"] = ends(s.at(fd))
	if kind != schema.PidFD {
		if _, ok := c["waiters"]; !ok {
			c["waiters"] = ends()
		}
	}
	ref := s.descriptorRef(kind, fd)
	edges := []string{s.holdsRef(ref, fd)}
	if target, ok := c["target"]; ok {
		edges = append(edges, edge(ref, "watches", target.Ref().String(), ""))
	}
	s.compareThese(kind, map[string]cells{ref: c}, edges)
}

func TestSignalFDs(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		var mask unix.Sigset_t
		mask.Val[0] = 1<<(unix.SIGUSR1-1) | 1<<(unix.SIGTERM-1) | 1<<(35-1)
		fd := s.keep(unix.Signalfd(-1, &mask, unix.SFD_CLOEXEC))
		s.compareOne(schema.SignalFD, fd, cells{"mask": schema.List([]string{"SIGUSR1", "SIGTERM", "SIGRTMIN+1"})})
	})
}

func TestTimerFDs(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		idle := s.keep(unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC))
		s.compareOne(schema.TimerFD, idle, cells{"clockid": schema.String("realtime"), "ticks": schema.Int(0),
			"absolute": schema.Bool(false)})

		fd := s.keep(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC))
		var now unix.Timespec
		s.check(unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
		later := now.Sec + 3600
		s.check(unix.TimerfdSettime(fd, 1,
			&unix.ItimerSpec{Interval: unix.Timespec{Sec: 60}, Value: unix.Timespec{Sec: later}}, nil))
		rows, _ := table(s.take(schema.TimerFD), schema.TimerFD)
		row := rows[s.descriptorRef(schema.TimerFD, fd)]
		if left := row["remaining"].Duration(); left <= 0 || left > time.Hour {
			t.Errorf("remaining %v, want less than an hour", left)
		}
		delete(row, "remaining")
		want := cells{"clockid": schema.String("monotonic"), "interval": schema.Duration(time.Minute),
			"ticks":    schema.Int(0),
			"absolute": schema.Bool(true), "holders": ends(s.at(fd)), "waiters": ends()}
		if diff := gocmp.Diff(want, row); diff != "" {
			t.Error(diff)
		}
	})
}

func TestInotify(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		fd := s.keep(unix.InotifyInit1(unix.IN_CLOEXEC))
		_, err := unix.InotifyAddWatch(fd, "/dev/shm", unix.IN_CREATE|unix.IN_DELETE|unix.IN_MODIFY)
		s.check(err)
		var st unix.Stat_t
		s.check(unix.Stat("/dev/shm", &st))
		s.compareOne(schema.Inotify, fd,
			cells{"watches": schema.Int(1), "events": schema.List([]string{"modify|create|delete"}),
				"inodes": schema.List([]string{strconv.FormatUint(st.Ino, 10) + "@" + schema.FormatDev(st.Dev)})})
	})
}

func TestPidFDs(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		cat := s.give(0)
		fd := s.keep(unix.PidfdOpen(cat.PID, 0))
		pid := strconv.Itoa(cat.PID)
		s.compareOne(schema.PidFD, fd, cells{"pid": schema.Int(int64(cat.PID)), "comm": schema.String("cat"),
			"nspid": schema.List([]string{pid}), "target": schema.RefValue(cat.Ref())})
	})
}

// The process of a pidfd has ended and was reaped. The pidfd names no process, even if another process has the pid now.
func TestPidFDOfAReapedProcess(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		w := kerneltest.Start(t, "lock", "open", "/dev/null")
		fd := s.keep(unix.PidfdOpen(w.PID, 0))
		w.Kill()
		s.compareOne(schema.PidFD, fd, cells{"status": schema.String("reaped"), "nspid": schema.List([]string{"-1"})})
	})
}

func TestIOUrings(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		fd := s.keep(openIOUring(t), nil)
		num := func(n int) schema.Value { return schema.Int(int64(n)) }
		s.compareOne(schema.IOUring, fd, cells{"sq_entries": num(8), "cq_entries": num(16), "sq_pending": num(0),
			"cq_pending": num(0), "user_files": num(0), "user_bufs": num(0)})
	})
}

// An epoll instance that two processes share is one object. Its targets are recognised by inode, or by kcmp(2).
func TestEpoll(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		ep := s.keep(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
		event := s.keep(unix.Eventfd(0, unix.EFD_CLOEXEC))
		timer := s.keep(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC))
		inner := s.keep(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
		socket, _ := kerneltest.SocketPair(t, unix.SOCK_STREAM)
		var pipe [2]int
		s.check(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
		for _, fd := range pipe {
			s.keep(fd, nil)
		}
		var tfds, targets, events []string
		ref := s.descriptorRef(schema.Epoll, ep)
		eventRef, _ := s.eventfdRef(event)
		var edges []string
		for _, watch := range []struct {
			fd   int
			ref  string
			mask uint32
			says string
		}{
			{event, eventRef, unix.EPOLLIN, "in"},
			{timer, s.descriptorRef(schema.TimerFD, timer), unix.EPOLLIN | unix.EPOLLET, "in|et"},
			{inner, s.descriptorRef(schema.Epoll, inner), unix.EPOLLIN, "in"},
			{socket, s.ref(schema.Unix, socket).String(), unix.EPOLLOUT | unix.EPOLLRDHUP, "out|rdhup"},
			{pipe[0], s.ref(schema.Pipe, pipe[0]).String(), unix.EPOLLIN | unix.EPOLLONESHOT, "in|oneshot"},
		} {
			s.check(unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, watch.fd, &unix.EpollEvent{Events: watch.mask}))
			tfds, events = append(tfds, strconv.Itoa(watch.fd)), append(events, watch.says)
			targets = append(targets, strconv.Itoa(watch.fd)+"="+watch.ref)
			edges = append(edges, edge(ref, "watches", watch.ref, "fd "+strconv.Itoa(watch.fd)+" "+watch.says))
		}
		// The socket was ready for writing, which would end the first wait.
		s.check(unix.EpollCtl(ep, unix.EPOLL_CTL_MOD, socket, &unix.EpollEvent{Events: unix.EPOLLRDHUP}))
		cat := s.give(ep)
		waiter := s.sleeps(ep, "epoll_wait", func() { unix.EpollWait(ep, make([]unix.EpollEvent, 1), -1) })
		t.Cleanup(func() { unix.Write(event, binary.NativeEndian.AppendUint64(nil, 1)) })
		events[3] = "rdhup"
		edges[3] = strings.Replace(edges[3], "out|rdhup", "rdhup", 1)
		edges = append(edges, s.holdsRef(ref, ep), edge(procRef(cat), "holds", ref, "fd 3"),
			edge(procRef(waiter), "waits_on", ref, "epoll_wait fd "+strconv.Itoa(ep)))
		s.compareWatches(ref, cells{"watches": schema.Int(5), "tfds": schema.List(tfds),
			"targets": schema.List(targets),
			"events":  schema.List(events),
			"holders": ends(s.at(ep), cat), "waiters": ends(waiter)}, edges)
	})
}

// compareWatches compares an epoll instance in any order of its targets. The kernel keeps the targets in a tree by the
// addresses of their files.
func (s *scene) compareWatches(ref string, want cells, edges []string) {
	s.Helper()
	order := func(c cells) {
		for _, id := range []string{"tfds", "targets", "events"} {
			words := append([]string(nil), c[id].List()...)
			slices.Sort(words)
			c[id] = schema.List(words)
		}
	}
	order(want)
	slices.Sort(edges)
	var diff string
	kerneltest.Eventually(s, "the thread to sleep", func() bool {
		rows, all := table(s.take(schema.Epoll), schema.Epoll)
		row := rows[ref]
		if row == nil {
			return false
		}
		order(row)
		var got []string
		for _, e := range all {
			if strings.HasPrefix(e, ref+" ") || strings.Contains(e, " "+ref+" ") {
				got = append(got, e)
			}
		}
		diff = gocmp.Diff(want, row) + gocmp.Diff(edges, got)
		return len(row["waiters"].Endpoints()) > 0
	})
	if diff != "" {
		s.Errorf("(-want +got):\n%s", diff)
	}
}

// The process has given the number of a target to another file since. The other file must not be shown as the target.
func TestEpollTargetWithAReusedNumber(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		ep := s.keep(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
		first, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		s.check(err)
		s.check(unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, first, &unix.EpollEvent{Events: unix.EPOLLIN}))
		cat := s.give(first) // the file stays open, and so the watch stays
		second, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		s.check(err)
		s.check(unix.Dup3(second, first, unix.O_CLOEXEC))
		s.check(unix.Close(second))
		s.keep(first, nil)
		_ = cat
		rows, _ := table(s.take(schema.Epoll), schema.Epoll)
		var st unix.Stat_t
		s.check(unix.Fstat(first, &st))
		want := []string{strconv.Itoa(first) + "=inode:" + strconv.FormatUint(st.Ino, 10) + "@" +
			schema.FormatDev(st.Dev)}
		if diff := gocmp.Diff(want, rows[s.descriptorRef(schema.Epoll, ep)]["targets"].List()); diff != "" {
			t.Error(diff)
		}
	})
}

// kcmp tells a thousand epoll instances apart in n log n calls.
func BenchmarkByDescription(b *testing.B) {
	s := &scene{TB: b}
	for range 1000 {
		s.keep(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	}
	h, err := kernel.Open("")
	s.check(err)
	c := New(h, time.Now)
	req := Request{Want: map[schema.Kind]schema.Need{schema.Epoll: 0}}
	for b.Loop() {
		if n := len(c.Take(req).Objects[schema.Epoll]); n < 1000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/instance")
}

// ipctop shows the same kinds on the same descriptors as lsfd 2.38. Later versions of lsfd add facts from fdinfo to the
// names.
func TestDescriptorsAgainstLsfd(t *testing.T) {
	lsfd, err := exec.LookPath("lsfd")
	if err != nil {
		if os.Geteuid() == 0 {
			t.Fatal("lsfd is missing: install util-linux")
		}
		t.Skip("needs lsfd of util-linux")
	}
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		made := map[int]bool{}
		for _, open := range []func() (int, error){
			func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) },
			func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) },
			func() (int, error) { return unix.Signalfd(-1, &unix.Sigset_t{}, unix.SFD_CLOEXEC) },
			func() (int, error) { return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC) },
			func() (int, error) { return unix.InotifyInit1(unix.IN_CLOEXEC) },
			func() (int, error) { return unix.PidfdOpen(os.Getpid(), 0) },
		} {
			made[s.keep(open())] = true
		}
		out, err := exec.Command(lsfd, "--noheadings", "--raw", "--pid", strconv.Itoa(s.self.PID), "--output",
			"ASSOC,NAME").Output()
		s.check(err)
		theirs, ours := map[int]string{}, map[int]string{}
		for line := range strings.Lines(string(out)) {
			assoc, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			if fd, err := strconv.Atoi(assoc); err == nil && made[fd] {
				theirs[fd] = strings.Replace(strings.Trim(strings.TrimPrefix(name, "anon_inode:"), "[]"), "eventpoll",
					"epoll", 1)
			}
		}
		listed := []schema.Kind{schema.EventFD, schema.Epoll, schema.SignalFD, schema.TimerFD, schema.Inotify,
			schema.PidFD}
		snap := s.take(listed...)
		for _, kind := range listed {
			rows, _ := table(snap, kind)
			for _, row := range rows {
				for _, e := range row["holders"].Endpoints() {
					if e.PID == s.self.PID && made[e.FD] {
						ours[e.FD] = string(kind)
					}
				}
			}
		}
		if diff := gocmp.Diff(theirs, ours); diff != "" || len(ours) != len(made) {
			t.Errorf("%d of %d, -lsfd +ipctop\n%s", len(ours), len(made), diff)
		}
	})
}
