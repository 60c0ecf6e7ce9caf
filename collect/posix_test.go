package collect

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/content"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// create are the flags to open a new file.
const create = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL

// opened keeps a descriptor until the test ends.
func (s *sysvScene) opened(fd int, err error) int {
	s.Helper()
	s.check(err)
	s.Cleanup(func() { unix.Close(fd) })
	return fd
}

// lookAt is look for kinds without an IPC namespace, or that are listed only for the reader's own namespace.
func (s *sysvScene) lookAt(kind schema.Kind, needs schema.Need) (map[string]cells, []string) {
	s.Helper()
	return table(s.snapshot(kind, needs), kind)
}

func (s *sysvScene) snapshot(kind schema.Kind, needs schema.Need) *Snapshot {
	s.Helper()
	snap := New(s.host, func() time.Time { return s.now }).Take(Request{Want: map[schema.Kind]schema.Need{kind: needs},
		Edges: true})
	if os.Geteuid() == 0 && len(snap.Faults) > 0 {
		s.Errorf("faults: %+v", snap.Faults)
	}
	return snap
}

// posixCells are the cells that every POSIX object has as a file, without the empty ones.
func (s *sysvScene) posixCells(fd int, name string, more cells) cells {
	s.Helper()
	var st unix.Stat_t
	s.check(unix.Fstat(fd, &st))
	users := account.NewUsers(true)
	c := cells{
		"name":  schema.String(name),
		"owner": schema.String(users.User(st.Uid)), "user": schema.String(users.User(st.Uid)),
		"uid":   schema.Int(int64(st.Uid)),
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

// devShmCells are posixCells of a file in our own /dev/shm.
func (s *sysvScene) devShmCells(fd int, name string, more cells) cells {
	s.Helper()
	c := s.posixCells(fd, name, more)
	ns, err := s.host.SelfNamespace("mnt")
	s.check(err)
	c["ns"], c["ns_leader"] = schema.Int(int64(ns)), schema.String(s.end(1).Comm+"[1]")
	return c
}

// mapsIt is a process that maps a file, and may have a descriptor of it.
func (s *sysvScene) mapsIt(pid, maps, fd int, mode string) schema.Endpoint {
	e := s.end(pid)
	e.Maps, e.FD, e.Mode = maps, fd, mode
	return e
}

// asleep waits until a thread of a process sleeps in a call, and returns the thread.
func (s *sysvScene) asleep(pid int, in func(process.BlockedCall) bool) (tid int) {
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

func inFileCall(name string) func(process.BlockedCall) bool {
	return func(c process.BlockedCall) bool {
		call, _, ok := c.File()
		return ok && call == name
	}
}

// workMqSend fills a queue and goes on to send. workMqReceive receives from it. Each prints its descriptor.
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
		full := s.opened(s.admin.MqOpen("/full", create, 0o640, &posix.MqAttr{MaxMsg: 2, MsgSize: 100}))
		empty := s.opened(s.admin.MqOpen("/em pty", create, 0o600, &posix.MqAttr{MaxMsg: 4, MsgSize: 100}))
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
			ns, err := s.host.SelfNamespace("ipc")
			s.check(err)
			c["ns"], c["ns_leader"] = schema.Int(int64(ns)), schema.String(s.end(1).Comm+"[1]")
			return c
		}
		s.equal("queues", map[string]cells{
			"pmsg:/full": common(full, "/full", cells{
				"usedbytes": schema.Bytes(20), "msgs": schema.Int(2), "maxmsg": schema.Int(2),
				"msgsize": schema.Bytes(100),
				"use":     schema.Float(100),
				"holders": holders(own(full), holds(sends, "w")), "waiters": holders(sends),
			}),
			`pmsg:/em\x20pty`: common(empty, "/em pty", cells{
				"usedbytes": schema.Bytes(0), "msgs": schema.Int(0), "maxmsg": schema.Int(4),
				"msgsize": schema.Bytes(100),
				"use":     schema.Float(0),
				"holders": holders(own(empty), holds(receives, "r")), "waiters": holders(receives),
			}),
		}, got)
		want := []string{
			fmt.Sprintf("proc:%d holds pmsg:/em\\x20pty fd %d observed", os.Getpid(), empty),
			fmt.Sprintf("proc:%d holds pmsg:/full fd %d observed", os.Getpid(), full),
			fmt.Sprintf("proc:%d holds pmsg:/full fd %d observed", sender.PID, sends.FD),
			fmt.Sprintf("proc:%d waits_on pmsg:/full mq_send fd %d observed", sender.PID, sends.FD),
			fmt.Sprintf("proc:%d holds pmsg:/em\\x20pty fd %d observed", receiver.PID, receives.FD),
			fmt.Sprintf("proc:%d waits_on pmsg:/em\\x20pty mq_receive fd %d observed", receiver.PID, receives.FD),
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
		got, _ := s.lookAt(schema.PMsg, kinds.NeedQueueText)
		row := got["pmsg:/n"]
		s.equal("notification", cells{"notify": schema.String("signal"), "notify_signal": schema.String("SIGUSR2"),
			"notify_pid": schema.Int(int64(os.Getpid()))},
			cells{"notify": row["notify"], "notify_signal": row["notify_signal"], "notify_pid": row["notify_pid"]})
		// No column needs the content: nothing is read, and no time of the queue changes.
		before, _ := s.lookAt(schema.PMsg, 0)
		if v := before["pmsg:/n"]["usedbytes"]; v.State() != schema.NotCollected {
			t.Errorf("usedbytes is %v without being asked for", v)
		}
	})
}

// mapShared maps a file of this process.
func mapShared(fd, size, prot int) ([]byte, error) {
	return unix.Mmap(fd, 0, size, prot, unix.MAP_SHARED)
}

// workMapShm maps shared memory by its name, read-only, and has it open. With "close" it closes the descriptor.
func workMapShm(j *kerneltest.Job) {
	fd, err := kernel.NewAdmin().ShmOpen(j.Args[0], unix.O_RDWR, 0)
	j.Check(err)
	_, err = mapShared(fd, 4096, unix.PROT_READ)
	j.Check(err)
	if len(j.Args) > 1 && j.Args[1] == "close" {
		j.Check(unix.Close(fd))
	}
	j.Ready(fd)
	j.Wait()
}

// workSemWait makes or opens a semaphore, as its argument tells. It maps the semaphore and closes it, as sem_open does.
// On command it waits on it.
func workSemWait(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	var fd int
	var err error
	if j.Args[0] == "make" {
		fd, _, err = a.PosixSemOpenNew(j.Args[1], 0o600, 0)
	} else {
		fd, err = a.ShmOpen("/sem."+j.Args[1][1:], unix.O_RDWR, 0)
	}
	j.Check(err)
	sem, err := mapShared(fd, 32, unix.PROT_READ|unix.PROT_WRITE)
	j.Check(err)
	j.Check(unix.Close(fd))
	j.Ready()
	j.Wait()
	j.Check(a.PosixSemWait(sem))
}

func inFutex(c process.BlockedCall) bool {
	_, ok := c.SharedFutex()
	return ok
}

// The creator of a semaphore maps a file whose temporary name is gone. Its device and inode show that it is the
// semaphore.
func TestPosixSemaphore(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "sem-wait", "make", "/ga te")
		user := kerneltest.Start(t, "sem-wait", "open", "/ga te")
		fd := s.opened(s.admin.ShmOpen("/sem.ga te", unix.O_RDONLY, 0))
		creator.Say("wait")
		waits := s.waits(creator.PID, s.asleep(creator.PID, inFutex), "futex")
		own := s.end(os.Getpid())
		own.FD, own.Mode = fd, "r"
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", creator.PID))
		if err != nil || !strings.Contains(string(maps), " (deleted)") || strings.Contains(string(maps), "sem.ga te") {
			t.Errorf("the creator's maps do not show a temporary name: %v", err)
		}
		got, edges := s.lookAt(schema.PSem, ^schema.Need(0))
		s.equal("semaphores", map[string]cells{`psem:/ga\x20te`: s.devShmCells(fd, "/ga te", cells{
			"sval": schema.Int(0), "nwaiters": schema.Int(1), "waiters": holders(waits),
			"holders": holders(own, s.mapsIt(creator.PID, 1, -1, "rw"), s.mapsIt(user.PID, 1, -1, "rw")),
		})}, got)
		want := []string{
			fmt.Sprintf("proc:%d holds psem:/ga\\x20te fd %d observed", os.Getpid(), fd),
			fmt.Sprintf("proc:%d maps psem:/ga\\x20te 1 mapping observed", creator.PID),
			fmt.Sprintf("proc:%d maps psem:/ga\\x20te 1 mapping observed", user.PID),
			fmt.Sprintf("proc:%d waits_on psem:/ga\\x20te futex observed", creator.PID),
		}
		slices.Sort(want)
		s.equal("edges", want, edges)

		// No column needs the value: it is not read.
		none, _ := s.lookAt(schema.PSem, 0)
		if v := none[`psem:/ga\x20te`]["sval"]; v.State() != schema.NotCollected {
			t.Errorf("sval is %v without being asked for", v)
		}
		// After unlink the semaphore is still in use. It is not shown as shared memory.
		var st unix.Stat_t
		s.check(unix.Fstat(fd, &st))
		s.check(s.admin.PosixSemRemove("/ga te"))
		got, _ = s.lookAt(schema.PSem, ^schema.Need(0))
		row := got[kinds.FileRef(schema.PSem, proc.FileID{Dev: st.Dev, Ino: st.Ino}).String()]
		s.equal("the unlinked semaphore's waiters", holders(waits), row["waiters"])
		if memory, _ := s.lookAt(schema.PShm, ^schema.Need(0)); len(memory) != 0 || len(got) != 1 {
			t.Errorf("shared memory %v, semaphores %v", memory, got)
		}
	})
}

func TestPosixSharedMemory(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		fd := s.opened(s.admin.ShmOpen("/se\ng", create, 0o640))
		s.check(unix.Ftruncate(fd, 3*4096))
		_, err := unix.Pwrite(fd, []byte("x"), 4096)
		s.check(err)
		data, err := mapShared(fd, 4096, unix.PROT_READ|unix.PROT_WRITE)
		s.check(err)
		defer unix.Munmap(data)
		reader, closed := kerneltest.Start(t, "map-shm", "/se\ng"), kerneltest.Start(t, "map-shm", "/se\ng", "close")
		ends := holders(s.mapsIt(os.Getpid(), 1, fd, "rw"), s.mapsIt(reader.PID, 1, atoi(t, reader.Words[0]), "r"),
			s.mapsIt(closed.PID, 1, -1, "r"))
		row := func(status ...string) cells {
			var st unix.Stat_t
			s.check(unix.Fstat(fd, &st))
			c := s.devShmCells(fd, "/se\ng", cells{
				"type": schema.String("file"), "size": schema.Bytes(3 * 4096), "allocated": schema.Bytes(4096),
				"atime": schema.Time(time.Unix(st.Atim.Unix())), "holders": ends, "waiters": holders(),
			})
			if len(status) > 0 {
				c["status"] = schema.String(strings.Join(status, ","))
			}
			return c
		}
		got, edges := s.lookAt(schema.PShm, ^schema.Need(0))
		s.equal("shared memory", map[string]cells{`pshm:/se\x0ag`: row()}, got)
		want := []string{
			fmt.Sprintf("proc:%d holds pshm:/se\\x0ag fd %d observed", os.Getpid(), fd),
			fmt.Sprintf("proc:%d holds pshm:/se\\x0ag fd %s observed", reader.PID, reader.Words[0]),
			fmt.Sprintf("proc:%d maps pshm:/se\\x0ag 1 mapping observed", os.Getpid()),
			fmt.Sprintf("proc:%d maps pshm:/se\\x0ag 1 mapping observed", reader.PID),
			fmt.Sprintf("proc:%d maps pshm:/se\\x0ag 1 mapping observed", closed.PID),
		}
		slices.Sort(want)
		s.equal("edges", want, edges)

		// After unlink its number names it, because another file may get its name.
		s.check(s.admin.PosixShmRemove("/se\ng"))
		s.opened(s.admin.ShmOpen("/se\ng", create, 0o600))
		var st unix.Stat_t
		s.check(unix.Fstat(fd, &st))
		got, _ = s.lookAt(schema.PShm, ^schema.Need(0))
		s.equal("unlinked", row(kinds.StatusDeleted),
			got[kinds.FileRef(schema.PShm, proc.FileID{Dev: st.Dev, Ino: st.Ino}).String()])
		if len(got) != 2 {
			t.Errorf("got %v", got)
		}
	})
}

// Files that no shm_open made are shown by their type.
func TestForeignFilesInDevShm(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(os.Mkdir("/dev/shm/dir", 0o700))
		s.check(os.WriteFile("/dev/shm/dir/file", []byte("x"), 0o600))
		s.check(os.Symlink("/nowhere", "/dev/shm/link"))
		s.check(unix.Mkfifo("/dev/shm/fifo", 0o600))
		s.check(os.WriteFile("/dev/shm/sem.not", []byte("a text"), 0o600))
		got, _ := s.lookAt(schema.PShm, ^schema.Need(0))
		types := map[string]string{}
		for ref, row := range got {
			types[ref] = row["type"].Str()
		}
		s.equal("types", map[string]string{"pshm:/dir": "directory", "pshm:/link": "link", "pshm:/fifo": "fifo",
			"pshm:/sem.not": "file"}, types)
	})
}

// workOwnMq makes a POSIX queue and a System V queue in its own IPC namespace, and sleeps in mq_receive.
func workOwnMq(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	fd, err := a.MqOpen("/jobs", create, 0o600, &posix.MqAttr{MaxMsg: 3, MsgSize: 10})
	j.Check(err)
	id, err := a.MsgGet(0x7001, createIPC|0o600)
	j.Check(err)
	j.Check(a.MsgSend(id, 4, []byte("inside"), 0))
	j.Ready(fd, id)
	_, _, err = a.MqReceive(fd, 10)
	j.Check(err)
}

// Each of two namespaces has a queue with the same name.
func TestPosixQueuesOfAnotherNamespace(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.opened(s.admin.MqOpen("/jobs", create, 0o600, nil))
		w := kerneltest.StartIn(t, unix.CLONE_NEWIPC, "own-mq")
		tid := s.asleep(w.PID, inFileCall("mq_receive"))
		ns := s.ipcOf(w.PID)
		snap := s.everywhere(^schema.Need(0), schema.PMsg)
		rows, edges := table(snap, schema.PMsg)
		name := fmt.Sprintf("pmsg:/jobs@%d", ns)
		if len(rows) != 2 || rows["pmsg:/jobs"] == nil {
			t.Fatalf("rows %v", rows)
		}
		waits, holds := s.waits(w.PID, tid, "mq_receive"), s.end(w.PID)
		waits.FD, holds.FD, holds.Mode = atoi(t, w.Words[0]), atoi(t, w.Words[0]), "rw"
		row := rows[name]
		s.equal("the other's queue",
			cells{"maxmsg": schema.Int(3), "ns": schema.Int(int64(ns)), "holders": holders(holds),
				"waiters": holders(waits)},
			cells{"maxmsg": row["maxmsg"], "ns": row["ns"], "holders": row["holders"], "waiters": row["waiters"]})
		s.equal("edges", true, slices.Contains(edges,
			fmt.Sprintf("proc:%d waits_on %s mq_receive fd %d observed", w.PID, name, waits.FD)))
		for text, space := range map[string]uint64{"pmsg:/jobs": 0, name: ns} {
			sel, err := schema.ParseSelector(text, func(schema.Kind) bool { return true })
			s.check(err)
			if ref, err := snap.Resolve(sel); err != nil || ref.Space != space {
				t.Errorf("%s leads to %+v, %v", text, ref, err)
			}
		}
		msgs := s.everywhere(0, schema.Msg)
		ref := schema.Ref{}
		for _, o := range msgs.Objects[schema.Msg] {
			ref = o.Ref
		}
		c, err := content.Peek(s.host, msgs.Find(ref), msgs.FindNamespace, content.PeekRange{Count: 3, Each: 10})
		s.check(err)
		s.equal("messages there", []sysv.PeekedMessage{{Type: 4, Size: 6, Data: []byte("inside")}}, c.Messages)
	})
}
