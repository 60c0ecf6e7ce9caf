package collect

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// create opens what is not there yet.
const create = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL

// opened keeps a descriptor until the test ends.
func (s *sysvScene) opened(fd int, err error) int {
	s.Helper()
	s.check(err)
	s.Cleanup(func() { unix.Close(fd) })
	return fd
}

// lookAt is look for kinds that lie in no IPC namespace, or are shown of our own only.
func (s *sysvScene) lookAt(kind schema.Kind, needs schema.Need) (map[string]cells, []string) {
	s.Helper()
	snap := New(s.host, func() time.Time { return s.now }).Take(Request{Want: map[schema.Kind]schema.Need{kind: needs}, Edges: true})
	if os.Geteuid() == 0 && len(snap.Faults) > 0 {
		s.Errorf("faults: %+v", snap.Faults)
	}
	return table(snap, kind)
}

// posixCells are those that every POSIX object has as a file, blank ones left out.
func (s *sysvScene) posixCells(fd int, name string, more cells) cells {
	s.Helper()
	var st unix.Stat_t
	s.check(unix.Fstat(fd, &st))
	users := NewUsers(true)
	c := cells{
		"name":  schema.String(name),
		"owner": schema.String(users.User(st.Uid)), "user": schema.String(users.User(st.Uid)), "uid": schema.Int(int64(st.Uid)),
		"group": schema.String(users.Group(st.Gid)), "gid": schema.Int(int64(st.Gid)), "perms": schema.Perms(st.Mode),
		"inode": schema.Int(int64(st.Ino)), "dev": schema.String(schema.FormatDev(st.Dev)),
		"mtime": schema.Time(time.Unix(st.Mtim.Unix())), "ctime": schema.Time(time.Unix(st.Ctim.Unix())),
		"age": schema.Duration(s.now.Sub(time.Unix(st.Mtim.Sec, 0))),
	}
	for id, v := range more {
		c[id] = v
	}
	return c
}

// mapsIt is a process that maps a file, perhaps with a descriptor on it.
func (s *sysvScene) mapsIt(pid, maps, fd int, mode string) schema.Endpoint {
	e := s.end(pid)
	e.Maps, e.FD, e.Mode = maps, fd, mode
	return e
}

// asleep waits until some thread of a process sleeps in a call, and gives the thread.
func (s *sysvScene) asleep(pid int, in func(kernel.BlockedCall) bool) (tid int) {
	s.Helper()
	kerneltest.Eventually(s, fmt.Sprintf("process %d sleeps in its call", pid), func() bool {
		dir, err := s.host.OpenProc(pid)
		s.check(err)
		defer dir.Close()
		calls, err := dir.BlockedCalls(make([]byte, 8<<10), func(int) bool { return true })
		s.check(err)
		for _, c := range calls {
			if in(c) {
				tid = c.TID
				return true
			}
		}
		return false
	})
	return tid
}

func inFileCall(name string) func(kernel.BlockedCall) bool {
	return func(c kernel.BlockedCall) bool {
		call, _, ok := c.File()
		return ok && call == name
	}
}

// workMqSend fills a queue and goes on sending; workMqReceive receives from it. Each says its descriptor.
func workMqSend(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	fd, err := a.MqOpen(j.Args[0], unix.O_WRONLY, 0, nil)
	j.Check(err)
	j.Ready(fd)
	for {
		j.Check(a.MqSend(fd, []byte("0123456789"), 0))
	}
}

func workMqReceive(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	fd, err := a.MqOpen(j.Args[0], unix.O_RDONLY, 0, nil)
	j.Check(err)
	j.Ready(fd)
	_, _, err = a.MqReceive(fd, 100)
	j.Check(err)
}

func atoi(tb testing.TB, text string) int {
	tb.Helper()
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestPosixQueues(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		syscall.Umask(0)
		full := s.opened(s.admin.MqOpen("/full", create, 0o640, &kernel.MqAttr{MaxMsg: 2, MsgSize: 100}))
		empty := s.opened(s.admin.MqOpen("/em pty", create, 0o600, &kernel.MqAttr{MaxMsg: 4, MsgSize: 100}))
		s.check(s.admin.MqNotify(full, int(unix.SIGUSR2)))
		sender, receiver := kerneltest.Start(t, "mq-send", "/full"), kerneltest.Start(t, "mq-receive", "/em pty")
		sends := s.waits(sender.PID, s.asleep(sender.PID, inFileCall("mq_send")), "mq_send")
		receives := s.waits(receiver.PID, s.asleep(receiver.PID, inFileCall("mq_receive")), "mq_receive")
		sends.FD, receives.FD = atoi(t, sender.Words[0]), atoi(t, receiver.Words[0])
		holds := func(e schema.Endpoint, mode string) schema.Endpoint {
			e.TID, e.Mode = 0, mode
			return e
		}
		own := func(fd int) schema.Endpoint {
			e := s.end(os.Getpid())
			e.FD, e.Mode = fd, "rw"
			return e
		}
		got, edges := s.lookAt(schema.PMsg, ^schema.Need(0))
		common := func(fd int, name string, more cells) cells {
			c := s.posixCells(fd, name, more)
			delete(c, "ctime")
			return c
		}
		s.equal("queues", map[string]cells{
			"pmsg:/full": common(full, "/full", cells{
				"usedbytes": schema.Bytes(20), "msgs": schema.Int(2), "maxmsg": schema.Int(2), "msgsize": schema.Bytes(100), "use": schema.Float(100),
				"holders": holders(own(full), holds(sends, "w")), "waiters": holders(sends),
			}),
			"pmsg:/em pty": common(empty, "/em pty", cells{
				"usedbytes": schema.Bytes(0), "msgs": schema.Int(0), "maxmsg": schema.Int(4), "msgsize": schema.Bytes(100), "use": schema.Float(0),
				"holders": holders(own(empty), holds(receives, "r")), "waiters": holders(receives),
			}),
		}, got)
		want := []string{
			fmt.Sprintf("proc:%d holds pmsg:/em pty fd %d observed", os.Getpid(), empty),
			fmt.Sprintf("proc:%d holds pmsg:/full fd %d observed", os.Getpid(), full),
			fmt.Sprintf("proc:%d holds pmsg:/full fd %d observed", sender.PID, sends.FD),
			fmt.Sprintf("proc:%d waits_on pmsg:/full mq_send fd %d observed", sender.PID, sends.FD),
			fmt.Sprintf("proc:%d holds pmsg:/em pty fd %d observed", receiver.PID, receives.FD),
			fmt.Sprintf("proc:%d waits_on pmsg:/em pty mq_receive fd %d observed", receiver.PID, receives.FD),
		}
		slices.Sort(want)
		s.equal("edges", want, edges)
	})
}

func TestPosixQueueNotification(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		fd := s.opened(s.admin.MqOpen("/n", create, 0o600, nil))
		s.check(s.admin.MqNotify(fd, int(unix.SIGUSR2)))
		got, _ := s.lookAt(schema.PMsg, schema.NeedQueueText)
		row := got["pmsg:/n"]
		s.equal("notification", cells{"notify": schema.String("signal"), "notify_signal": schema.String("SIGUSR2"), "notify_pid": schema.Int(int64(os.Getpid()))},
			cells{"notify": row["notify"], "notify_signal": row["notify_signal"], "notify_pid": row["notify_pid"]})
		// Nobody asked: nothing is read, and no time of the queue moves.
		before, _ := s.lookAt(schema.PMsg, 0)
		if v := before["pmsg:/n"]["usedbytes"]; v.State() != schema.NotCollected {
			t.Errorf("usedbytes is %v without being asked for", v)
		}
	})
}
