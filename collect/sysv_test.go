package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

const createIPC = sysv.IPCCreat | sysv.IPCExcl

// sysvScene makes System V objects and reads them back, at a moment of its choice.
type sysvScene struct {
	*scene
	admin *kernel.Admin
	host  *kernel.Host
	now   time.Time
}

func newSysVScene(t *testing.T) *sysvScene {
	host, err := kernel.Open("")
	s := &sysvScene{scene: newScene(t), admin: kernel.NewAdmin(), host: host,
		now: time.Now().Add(time.Hour).Truncate(time.Second)}
	s.check(err)
	return s
}

func (s *sysvScene) id(id int, err error) int {
	s.Helper()
	s.check(err)
	return id
}

// look collects one kind with these needs, and its edges.
func (s *sysvScene) look(kind schema.Kind, needs schema.Need) (map[string]cells, []string) {
	s.Helper()
	req := Request{Want: map[schema.Kind]schema.Need{kind: needs}, Edges: true}
	snap := New(s.host, func() time.Time { return s.now }).Take(req)
	if os.Geteuid() == 0 && len(snap.Faults) > 0 {
		s.Errorf("faults: %+v", snap.Faults)
	}
	rows, edges := table(snap, kind)
	leader := schema.Uncollected(schema.TypeString)
	if needs.Has(proc.NeedProcs) {
		leader = schema.String(s.end(1).Comm + "[1]")
	}
	for name, row := range rows {
		s.equal(name+": ns_leader", leader, row["ns_leader"])
		delete(row, "ns_leader")
	}
	return rows, edges
}

// owned are the cells that every object has.
func (s *sysvScene) owned(p sysv.IPCPerm, ctime int64, more cells) cells {
	users := account.NewUsers(true)
	ns, err := s.host.SelfNamespace("ipc")
	s.check(err)
	c := cells{
		"ns":  schema.Int(int64(ns)),
		"key": schema.Key(p.Key), "id": schema.Int(int64(p.ID)), "perms": schema.Perms(p.Mode),
		"owner": schema.String(users.User(p.UID)), "user": schema.String(users.User(p.UID)),
		"uid":   schema.Int(int64(p.UID)),
		"group": schema.String(users.Group(p.GID)), "gid": schema.Int(int64(p.GID)),
		"cuser": schema.String(users.User(p.CUID)), "cuid": schema.Int(int64(p.CUID)),
		"cgroup": schema.String(users.Group(p.CGID)), "cgid": schema.Int(int64(p.CGID)),
		"ctime": schema.UnixTime(ctime), "age": schema.Duration(s.now.Sub(time.Unix(ctime, 0))),
	}
	maps.Copy(c, more)
	maps.DeleteFunc(c, func(_ string, v schema.Value) bool { return v.State() == schema.Absent })
	return c
}

// end is a process at an object, as the process table shows it.
func (s *sysvScene) end(pid int) schema.Endpoint {
	s.Helper()
	for _, o := range s.take(schema.Proc).Objects[schema.Proc] {
		if p := o.Row.(*kinds.ProcRow); p.PID == pid {
			return schema.Endpoint{PID: pid, Comm: p.Comm, Start: p.Start, FD: -1}
		}
	}
	s.Fatalf("no process %d", pid)
	return schema.Endpoint{}
}

func (s *sysvScene) holder(pid, maps int) schema.Endpoint {
	e := s.end(pid)
	e.Maps = maps
	return e
}

func (s *sysvScene) waits(pid, tid int, call string) schema.Endpoint {
	e := s.end(pid)
	e.TID, e.Mode = tid, call
	return e
}

func holders(ends ...schema.Endpoint) schema.Value {
	slices.SortFunc(ends, func(a, b schema.Endpoint) int { return a.PID - b.PID })
	return schema.Endpoints(ends, false)
}

// sleepsIn waits until a thread of a process sleeps in a System V call, and returns the thread.
func (s *sysvScene) sleepsIn(pid int) (tid int) {
	s.Helper()
	kerneltest.Eventually(s, fmt.Sprintf("process %d sleeps in a System V call", pid), func() bool {
		dir, err := s.host.OpenProc(pid)
		s.check(err)
		defer dir.Close()
		calls, err := dir.BlockedCalls(make([]byte, 8<<10),
			func(nr int) bool { // a thread of the Go runtime may sleep in epoll_wait
				_, _, ok := process.BlockedCall{NR: nr}.SysV()
				return ok
			})
		s.check(err)
		if len(calls) == 1 {
			tid = calls[0].TID
		}
		return len(calls) == 1
	})
	return tid
}

func (s *sysvScene) equal(what string, want, got any) {
	s.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		s.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func argument(j *kerneltest.Job, n int) int {
	v, err := strconv.Atoi(j.Args[n])
	j.Check(err)
	return v
}

// workSemOp does one operation. Its arguments are: id, semaphore, number.
func workSemOp(j *kerneltest.Job) {
	j.Ready()
	op := sysv.SemOp{Num: uint16(argument(j, 1)), Op: int16(argument(j, 2))}
	if len(j.Args) > 3 && j.Args[3] == "undo" {
		op.Flags = sysv.SemUndo
	}
	j.Check(kernel.NewAdmin().SemOp(argument(j, 0), []sysv.SemOp{op}, -1))
}

func workSend(j *kerneltest.Job) {
	j.Ready()
	j.Check(kernel.NewAdmin().MsgSend(argument(j, 0), 1, make([]byte, 100), 0))
}

func workReceive(j *kerneltest.Job) {
	j.Ready()
	_, _, err := kernel.NewAdmin().MsgReceive(argument(j, 0), 77, 100, 0)
	j.Check(err)
}

func TestQueueWithBlockedSenderAndReceiver(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		full := s.id(s.admin.MsgGet(0xdeadbeef, createIPC|0o620))
		empty := s.id(s.admin.MsgGet(sysv.KeyPrivate, createIPC|0o600))
		s.check(s.admin.MsgSetQBytes(full, 400))
		for range 4 {
			s.check(s.admin.MsgSend(full, 1, make([]byte, 100), 0))
		}
		sender := kerneltest.Start(t, "send", fmt.Sprint(full))
		receiver := kerneltest.Start(t, "receive", fmt.Sprint(empty))
		sendTID, receiveTID := s.sleepsIn(sender.PID), s.sleepsIn(receiver.PID)

		one, err := s.host.MsgStat(full)
		s.check(err)
		two, err := s.host.MsgStat(empty)
		s.check(err)
		fullRef, emptyRef := fmt.Sprintf("msg:%d", full), fmt.Sprintf("msg:%d", empty)
		want := map[string]cells{
			fullRef: s.owned(one.IPCPerm, one.CTime, cells{
				"usedbytes": schema.Bytes(400), "msgs": schema.Int(4), "qbytes": schema.Bytes(400),
				"use":   schema.Float(100),
				"lspid": schema.Int(int64(s.self.PID)), "send": schema.UnixTime(one.STime),
				"waiters": holders(s.waits(sender.PID, sendTID, "msgsnd")),
			}),
			emptyRef: s.owned(two.IPCPerm, two.CTime, cells{
				"usedbytes": schema.Bytes(0), "msgs": schema.Int(0), "qbytes": schema.Bytes(16384),
				"use":     schema.Float(0),
				"waiters": holders(s.waits(receiver.PID, receiveTID, "msgrcv")),
			}),
		}
		wantEdges := []string{
			fmt.Sprintf("proc:%d waits_on %s msgsnd 100 bytes observed", sender.PID, fullRef),
			fmt.Sprintf("proc:%d waits_on %s msgrcv type 77 observed", receiver.PID, emptyRef),
			fmt.Sprintf("proc:%d last_used %s msgsnd observed", s.self.PID, fullRef),
		}
		slices.Sort(wantEdges)
		rows, edges := s.look(schema.Msg, proc.NeedProcs|proc.NeedSyscall)
		s.equal("rows", want, rows)
		s.equal("edges", wantEdges, edges)
	})
}

func TestSemaphoreSetWithWaiters(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		set := s.id(s.admin.SemGet(0x6003, 2, createIPC|0o600))
		s.check(s.admin.SemOp(set, []sysv.SemOp{{Num: 1, Op: 3}}, -1))
		taker := kerneltest.Start(t, "semop", fmt.Sprint(set), "0", "-1")
		takerTID := s.sleepsIn(taker.PID)
		zero := kerneltest.Start(t, "semop", fmt.Sprint(set), "1", "0")
		zeroTID := s.sleepsIn(zero.PID)
		now, err := s.host.SemStat(set)
		s.check(err)
		ref := fmt.Sprintf("sem:%d", set)
		common := cells{"nsems": schema.Int(2), "otime": schema.UnixTime(now.OTime)}

		row := s.owned(now.IPCPerm, now.CTime, common)
		row["semval"] = schema.List([]string{
			"[0]=0/ncount=1",
			fmt.Sprintf("[1]=3/zcount=1/pid=%d", s.self.PID),
		})
		row["ncount"], row["zcount"] = schema.Int(1), schema.Int(1)
		row["waiters"] = holders(s.waits(taker.PID, takerTID, "semop"), s.waits(zero.PID, zeroTID, "semop"))
		rows, edges := s.look(schema.Sem, proc.NeedProcs|proc.NeedSyscall|kinds.NeedSemValues)
		s.equal("rows", map[string]cells{ref: row}, rows)
		wantEdges := []string{
			fmt.Sprintf("proc:%d waits_on %s semop [0] -1 observed", taker.PID, ref),
			fmt.Sprintf("proc:%d waits_on %s semop [1] +0 observed", zero.PID, ref),
		}
		slices.Sort(wantEdges)
		s.equal("edges", wantEdges, edges)

		// Columns that nobody asks for are not read.
		snap := New(s.host, func() time.Time { return s.now }).Take(Request{
			Want: map[schema.Kind]schema.Need{schema.Sem: 0}})
		row = s.owned(now.IPCPerm, now.CTime, common)
		for id, typ := range map[string]schema.Type{
			"semval": schema.TypeList, "ncount": schema.TypeInt, "zcount": schema.TypeInt,
			"waiters": schema.TypeEndpoints,
		} {
			row[id] = schema.Uncollected(typ)
		}
		row["ns_leader"] = schema.Uncollected(schema.TypeString)
		rows, edges = table(snap, schema.Sem)
		s.equal("rows without needs", map[string]cells{ref: row}, rows)
		s.equal("edges without needs", []string(nil), edges)

		// The page of the object is open: now they are read for this object.
		snap = New(s.host, func() time.Time { return s.now }).Take(Request{
			Want:   map[schema.Kind]schema.Need{schema.Sem: 0},
			Detail: kinds.SysvRef(schema.Sem, proc.Place{}, now.IPCPerm, now.CTime)})
		rows, _ = table(snap, schema.Sem)
		s.equal("ncount on its page", schema.Int(1), rows[ref]["ncount"])
		s.equal("waiters on its page", 2, len(rows[ref]["waiters"].Endpoints()))
	})
}

// workCreateSegment makes a private segment of one page, and waits.
func workCreateSegment(j *kerneltest.Job) {
	id, err := kernel.NewAdmin().ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600)
	j.Check(err)
	j.Ready(id)
	j.Wait()
}

// workAttach attaches each of the ids in its arguments. An id may be there several times.
func workAttach(j *kerneltest.Job) {
	for i := range j.Args {
		data, err := kernel.NewAdmin().ShmAttach(argument(j, i), false)
		j.Check(err)
		data[0] = 1
	}
	j.Ready()
	j.Wait()
}

// shmCells are the cells of a segment that SHM_STAT lists.
func (s *sysvScene) shmCells(m sysv.ShmSegment, status []string, creator string, more cells) cells {
	c := cells{
		"size": schema.Bytes(m.Size), "nattch": schema.Int(int64(m.NAttch)),
		"status": kinds.WordValue(strings.Join(status, ",")),
		"attach": schema.UnixTime(m.ATime), "detach": schema.UnixTime(m.DTime),
		"cpid": schema.Int(int64(m.CPid)), "lpid": proc.PID(int(m.LPid)), "creator_state": schema.String(creator),
	}
	maps.Copy(c, more)
	return s.owned(m.IPCPerm, m.CTime, c)
}

const shmNeeds = proc.NeedProcs | proc.NeedMaps | kinds.NeedResident

func TestSegmentsHoldersAndCreators(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		shared := s.id(s.admin.ShmGet(0x1234, 8192, createIPC|0o640))
		dest := s.id(s.admin.ShmGet(0xfeedface, 4096, createIPC|0o600))
		s.check(s.admin.ShmLock(dest))
		creator := kerneltest.Start(t, "create-segment")
		orphan, err := strconv.Atoi(creator.Words[0])
		s.check(err)
		creator.Finish()
		twice := kerneltest.Start(t, "attach", fmt.Sprint(shared), fmt.Sprint(shared), fmt.Sprint(orphan))
		other := kerneltest.Start(t, "attach", fmt.Sprint(dest), fmt.Sprint(shared))
		s.check(s.admin.ShmRemove(dest))

		stat := func(id int) sysv.ShmSegment {
			m, err := s.host.ShmStat(id)
			s.check(err)
			return m
		}
		ref := func(id int) string { return fmt.Sprintf("shm:%d", id) }
		want := map[string]cells{
			ref(shared): s.shmCells(stat(shared), nil, proc.CreatorAlive, cells{
				"command": schema.String(s.self.Comm), "rss": schema.Bytes(4096), "swap": schema.Bytes(0),
				"holders": holders(s.holder(twice.PID, 2), s.holder(other.PID, 1)),
			}),
			// The segment was removed while attached. Its key is 0 now, and its mapping keeps the old name.
			ref(dest): s.shmCells(stat(dest), []string{kinds.StatusDest, kinds.StatusLocked}, proc.CreatorAlive, cells{
				"command": schema.String(s.self.Comm), "rss": schema.Bytes(4096), "swap": schema.Bytes(0),
				"holders": holders(s.holder(other.PID, 1)),
			}),
			// The key is 0, and the creator is gone.
			ref(orphan): s.shmCells(stat(orphan), nil, proc.CreatorDead, cells{
				"rss": schema.Bytes(4096), "swap": schema.Bytes(0), "holders": holders(s.holder(twice.PID, 1)),
			}),
		}
		wantEdges := []string{
			fmt.Sprintf("proc:%d created %s shmget observed", s.self.PID, ref(shared)),
			fmt.Sprintf("proc:%d created %s shmget observed", s.self.PID, ref(dest)),
			fmt.Sprintf("proc:%d maps %s 2 mappings observed", twice.PID, ref(shared)),
			fmt.Sprintf("proc:%d maps %s 1 mapping observed", twice.PID, ref(orphan)),
			fmt.Sprintf("proc:%d maps %s 1 mapping observed", other.PID, ref(shared)),
			fmt.Sprintf("proc:%d maps %s 1 mapping observed", other.PID, ref(dest)),
			fmt.Sprintf("proc:%d last_used %s shmat or shmdt observed", other.PID, ref(shared)),
			fmt.Sprintf("proc:%d last_used %s shmat or shmdt observed", other.PID, ref(dest)),
			fmt.Sprintf("proc:%d last_used %s shmat or shmdt observed", twice.PID, ref(orphan)),
		}
		slices.Sort(wantEdges)
		rows, edges := s.look(schema.Shm, shmNeeds)
		s.equal("rows", want, rows)
		s.equal("edges", wantEdges, edges)

		// The collector forgets a process that is gone.
		twice.Finish()
		rows, _ = s.look(schema.Shm, shmNeeds)
		s.equal("holders after a detach", holders(s.holder(other.PID, 1)), rows[ref(shared)]["holders"])
		s.equal("holders of the orphan", holders(), rows[ref(orphan)]["holders"])
	})
}

// Segments in huge pages are on their own device. Without a reservation such a segment can be made on a machine without
// huge pages. An access to it would be SIGBUS.
func TestSegmentInHugePages(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		const noReserve = 0o10000 // SHM_NORESERVE
		id, err := s.admin.ShmGet(0x4321, 2<<20, createIPC|sysv.ShmHugeTLB|noReserve|0o600)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
			t.Skipf("needs CAP_IPC_LOCK and a kernel with huge pages: %v", err)
		}
		s.check(err)
		w := kerneltest.Start(t, "attach-untouched", fmt.Sprint(id))
		rows, _ := s.look(schema.Shm, shmNeeds)
		row := rows[fmt.Sprintf("shm:%d", id)]
		s.equal("row", cells{"status": schema.String(kinds.StatusHugeTLB), "holders": holders(s.holder(w.PID, 1))},
			cells{"status": row["status"], "holders": row["holders"]})
	})
}

// Threads and processes take numbers from the same space. A thread with the number of a dead creator does not make the
// creator alive.
func TestCreatorWhosePidIsNowAThread(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		next := func(pid int) { s.check(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(fmt.Sprint(pid-1)), 0)) }
		var creator *kerneltest.Worker
		// The Go runtime of the test may start a thread in between, which takes the number.
		for pid, taken := 20000, false; !taken; pid += 100 {
			if pid > 30000 {
				t.Fatal("no thread took a creator's number in 100 attempts")
			}
			next(pid)
			creator = kerneltest.Start(t, "create-segment")
			creator.Finish()
			next(creator.PID - 1)
			w := kerneltest.Start(t, "attach")
			_, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", w.PID, creator.PID))
			taken = err == nil && w.PID != creator.PID
		}
		rows, _ := s.look(schema.Shm, proc.NeedProcs)
		s.equal("creator_state", schema.String(proc.CreatorDead), rows["shm:"+creator.Words[0]]["creator_state"])
	})
}

// A memfd is on the device of the segments, and its inode number may be the id of a segment.
func TestMemfdIsNoSegment(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		fd, err := unix.MemfdCreate("SYSV00001234", unix.MFD_CLOEXEC)
		s.check(err)
		defer unix.Close(fd)
		s.check(unix.Ftruncate(fd, 4096))
		data, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		s.check(err)
		defer unix.Munmap(data)
		inode := s.inode(fd)
		// The kernel gives this id to the next segment (CONFIG_CHECKPOINT_RESTORE).
		s.check(os.WriteFile("/proc/sys/kernel/shm_next_id", []byte(fmt.Sprint(inode)), 0))
		id := s.id(s.admin.ShmGet(0x1234, 4096, createIPC|0o600))
		if uint64(id) != inode {
			t.Fatalf("made segment %d, want %d", id, inode)
		}
		rows, _ := s.look(schema.Shm, shmNeeds)
		s.equal("holders", holders(), rows[fmt.Sprintf("shm:%d", id)]["holders"])
	})
}

// Segments of two IPC namespaces are on the same device and may have the same ids.
func TestSegmentOfAnotherNamespace(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		mine := s.id(s.admin.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600))
		worker := kerneltest.StartIn(t, unix.CLONE_NEWIPC, "attach-own")
		s.equal("the other namespace's id", fmt.Sprint(mine), worker.Words[0])
		rows, edges := s.look(schema.Shm, shmNeeds)
		s.equal("holders", holders(), rows[fmt.Sprintf("shm:%d", mine)]["holders"])
		s.equal("edges", []string{fmt.Sprintf("proc:%d created shm:%d shmget observed", s.self.PID, mine)}, edges)
	})
}

// workAttachUntouched attaches a segment and does not access it.
func workAttachUntouched(j *kerneltest.Job) {
	_, err := kernel.NewAdmin().ShmAttach(argument(j, 0), true)
	j.Check(err)
	j.Ready()
	j.Wait()
}

// workAttachOwn makes a segment and attaches it.
func workAttachOwn(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	id, err := a.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600)
	j.Check(err)
	_, err = a.ShmAttach(id, false)
	j.Check(err)
	j.Ready(id)
	j.Wait()
}

// workLook collects with its own rights. It prints the states of the cells that need rights.
func workLook(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	all := proc.NeedProcs | proc.NeedSyscall | kinds.NeedSemValues | proc.NeedMaps | kinds.NeedResident
	snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Msg: all, schema.Sem: all,
		schema.Shm: all}})
	told := map[string]string{}
	for _, kind := range []schema.Kind{schema.Msg, schema.Sem, schema.Shm} {
		rows, _ := table(snap, kind)
		for ref, row := range rows {
			for id, v := range row {
				switch {
				case v.State() == schema.Denied:
					told[ref+" "+id] = "denied"
				case v.State() == schema.NotCollected:
					told[ref+" "+id] = "not collected"
				case id == "owner" || id == "creator_state":
					told[ref+" "+id] = v.Str()
				}
			}
		}
	}
	text, err := json.Marshal(told)
	j.Check(err)
	j.Ready(string(text))
}

// An ordinary user sees every object, and "denied" in cells that need the rights of others. Owners need no entry in
// passwd.
func TestForeignObjectsOfAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		const nameless = 54321
		as := &syscall.Credential{Uid: nameless, Gid: nameless}
		queue := s.id(s.admin.MsgGet(1, createIPC|0o600))
		set := s.id(s.admin.SemGet(1, 1, createIPC|0o600))
		held := s.id(s.admin.ShmGet(1, 4096, createIPC|0o600))
		free := s.id(s.admin.ShmGet(2, 4096, createIPC|0o600))
		kerneltest.Start(t, "attach", fmt.Sprint(held))
		own := kerneltest.StartAs(t, as, "create-segment").Words[0]

		w := kerneltest.StartAs(t, as, "look")
		var got map[string]string
		s.check(json.Unmarshal([]byte(strings.Join(w.Words, " ")), &got))
		cell := func(kind string, id any, column string) string { return fmt.Sprintf("%s:%v %s", kind, id, column) }
		want := map[string]string{
			cell("msg", queue, "owner"):   "root",
			cell("msg", queue, "waiters"): "denied",

			cell("sem", set, "owner"):   "root",
			cell("sem", set, "semval"):  "denied",
			cell("sem", set, "ncount"):  "denied",
			cell("sem", set, "zcount"):  "denied",
			cell("sem", set, "waiters"): "denied",

			cell("shm", held, "owner"):         "root",
			cell("shm", held, "creator_state"): proc.CreatorAlive,
			cell("shm", held, "holders"):       "denied",
			// nattch is 0, so without any rights it is known that nobody holds the segment.
			cell("shm", free, "owner"):         "root",
			cell("shm", free, "creator_state"): proc.CreatorAlive,

			cell("shm", own, "owner"):         fmt.Sprint(nameless),
			cell("shm", own, "creator_state"): proc.CreatorAlive,
		}
		s.equal("cells", want, got)
	})
}

// Under hidepid a process that is not in /proc may still be alive. Then nobody may call its segment an orphan.
func TestCreatorUnderHidepid(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so /proc hides nothing from it")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		alive := s.id(s.admin.ShmGet(1, 4096, createIPC|0o600))
		creator := kerneltest.Start(t, "create-segment")
		dead := creator.Words[0]
		creator.Finish()
		queue := s.id(s.admin.MsgGet(1, createIPC|0o600))
		s.check(unix.Mount("proc", "/proc", "proc", unix.MS_REMOUNT, "hidepid=2"))
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 54321, Gid: 54321}, "look")
		var got map[string]string
		s.check(json.Unmarshal([]byte(strings.Join(w.Words, " ")), &got))
		want := map[string]string{
			fmt.Sprintf("shm:%d owner", alive):         "root",
			fmt.Sprintf("shm:%d creator_state", alive): proc.CreatorUnknown,
			fmt.Sprintf("shm:%s owner", dead):          "root",
			fmt.Sprintf("shm:%s creator_state", dead):  proc.CreatorDead,
			fmt.Sprintf("msg:%d owner", queue):         "root",
			fmt.Sprintf("msg:%d waiters", queue):       "denied",
		}
		s.equal("cells", want, got)
	})
}
