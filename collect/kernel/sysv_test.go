package kernel_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"golang.org/x/sys/unix"
)

const create = kernel.IPCCreat | kernel.IPCExcl

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *kernel.Host { return must(kernel.Open(""))(t) }

// near accepts times of the last minute.
var near = cmp.FilterPath(func(p cmp.Path) bool {
	switch p.Last().String() {
	case ".STime", ".RTime", ".CTime", ".OTime", ".ATime", ".DTime":
		return true
	}
	return false
}, cmp.Comparer(func(a, b int64) bool { return a == b || a != 0 && b != 0 && max(a-b, b-a) < 60 }))

func TestMsgQueuesAreWhatWasMade(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, a, now := open(t), kernel.NewAdmin(), time.Now().Unix()
		if got := must(h.MsgQueues(true))(t); len(got) != 0 {
			t.Errorf("an empty namespace has %v", got)
		}
		first := must(a.MsgGet(0xdeadbeef, create|0o640))(t)
		second := must(a.MsgGet(kernel.KeyPrivate, create|0o600))(t)
		ok(t, a.MsgSend(first, 7, []byte("twelve bytes"), 0))
		ok(t, a.MsgSend(first, 8, []byte("six.."), 0))
		text, mtype, err := a.MsgReceive(first, -7, 100, 0)
		if string(text) != "twelve bytes" || mtype != 7 || err != nil {
			t.Errorf("received %q, %d, %v", text, mtype, err)
		}
		ok(t, a.MsgSetQBytes(second, 1000))

		pid := int32(os.Getpid())
		want := []kernel.MsgQueue{{
			IPCPerm: kernel.IPCPerm{Key: 0xdeadbeef, ID: first, Mode: 0o640},
			CBytes:  5, QNum: 1, QBytes: 16384, HasQBytes: true, LSPid: pid, LRPid: pid, STime: now, RTime: now, CTime: now,
		}, {
			IPCPerm: kernel.IPCPerm{ID: second, Mode: 0o600},
			QBytes:  1000, HasQBytes: true, CTime: now,
		}}
		if diff := cmp.Diff(want, must(h.MsgQueues(true))(t), near); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want[0], must(h.MsgStat(first))(t), near); diff != "" {
			t.Error(diff)
		}
		wantInfo := kernel.MsgInfo{MNI: 32000, MNB: 16384, Max: 8192, Queues: 2, Messages: 1, Bytes: 5}
		if diff := cmp.Diff(wantInfo, must(h.MsgInfo())(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSemSetsAreWhatWasMade(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, a, now := open(t), kernel.NewAdmin(), time.Now().Unix()
		set := must(a.SemGet(0x6003, 3, create|0o600))(t)
		ok(t, a.SemSetValues(set, []uint16{1, 2, 3}))
		ok(t, a.SemSetValue(set, 2, 30000))
		want := kernel.SemSet{IPCPerm: kernel.IPCPerm{Key: 0x6003, ID: set, Mode: 0o600}, NSems: 3, CTime: now}
		if diff := cmp.Diff([]kernel.SemSet{want}, must(h.SemSets())(t), near); diff != "" {
			t.Error("before any semop: ", diff)
		}
		ok(t, a.SemOp(set, []kernel.SemOp{{Num: 0, Op: -1}, {Num: 1, Op: 5}}, -1))
		want.OTime = now
		if diff := cmp.Diff(want, must(h.SemStat(set))(t), near); diff != "" {
			t.Error(diff)
		}
		waiter := kerneltest.Start(t, "semop", fmt.Sprint(set), "0", "-1")
		zero := kerneltest.Start(t, "semop", fmt.Sprint(set), "1", "0")
		kerneltest.Eventually(t, "both workers wait", func() bool {
			n, z, err := h.SemWaiters(set, 3)
			return n == 1 && z == 1 && err == nil
		})
		pid := int32(os.Getpid())
		wantValues := []kernel.SemValue{
			{Num: 0, NCount: 1, Pid: pid},
			{Num: 1, Value: 7, ZCount: 1, Pid: pid},
			{Num: 2, Value: 30000, Pid: pid},
		}
		if diff := cmp.Diff(wantValues, must(h.SemValues(set, 3))(t)); diff != "" {
			t.Error(diff)
		}
		ok(t, a.SemOp(set, []kernel.SemOp{{Num: 0, Op: 1}, {Num: 1, Op: -7}}, time.Second))
		for _, w := range []*kerneltest.Worker{waiter, zero} {
			if diff := cmp.Diff([]string{"done"}, w.Read()); diff != "" {
				t.Error(diff)
			}
		}
		if err := a.SemOp(set, []kernel.SemOp{{Num: 0, Op: -1}}, time.Millisecond); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("a semop that cannot be done in time: %v", err)
		}
		wantInfo := kernel.SemInfo{MSL: 32000, MNS: 1024000000, OPM: 500, MNI: 32000, Sets: 1, Semaphores: 3}
		if diff := cmp.Diff(wantInfo, must(h.SemInfo())(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestShmSegmentsAreWhatWasMade(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, a, now, pid := open(t), kernel.NewAdmin(), time.Now().Unix(), int32(os.Getpid())
		plain := must(a.ShmGet(0x1234, 5000, create|0o644))(t)
		dest := must(a.ShmGet(0xfeedface, 1<<20, create|0o600))(t)
		data := must(a.ShmAttach(plain, false))(t)
		data[0], data[4999] = 1, 1
		ok(t, a.ShmDetach(data))
		worker := kerneltest.Start(t, "attach", fmt.Sprint(dest))
		ok(t, a.ShmLock(dest))
		ok(t, a.ShmRemove(dest))

		want := []kernel.ShmSegment{{
			IPCPerm: kernel.IPCPerm{Key: 0x1234, ID: plain, Mode: 0o644},
			Size:    5000, CPid: pid, LPid: pid, ATime: now, DTime: now, CTime: now, RSS: 8192, HasRSS: true,
		}, {
			IPCPerm: kernel.IPCPerm{Key: 0, ID: dest, Mode: 0o600 | kernel.ModeDest | kernel.ModeLocked},
			Size:    1 << 20, CPid: pid, LPid: int32(worker.PID), NAttch: 1, ATime: now, CTime: now, RSS: 4096, HasRSS: true,
		}}
		if diff := cmp.Diff(want, must(h.ShmSegments(true))(t), near); diff != "" {
			t.Error("from /proc: ", diff)
		}
		noRSS := cmpopts.IgnoreFields(kernel.ShmSegment{}, "RSS", "HasRSS")
		if diff := cmp.Diff(want, must(h.ShmSegments(false))(t), near, noRSS); diff != "" {
			t.Error("from SHM_STAT_ANY: ", diff)
		}
		if diff := cmp.Diff(want[1], must(h.ShmStat(dest))(t), near, noRSS); diff != "" {
			t.Error(diff)
		}
		info := must(h.ShmInfo())(t)
		wantInfo := kernel.ShmInfo{
			Max: 18446744073692774399, Min: 1, MNI: 4096, All: 18446744073692774399, PageSize: 4096,
			Segments: 2, Pages: 258, RSSPages: 3,
		}
		if diff := cmp.Diff(wantInfo, info); diff != "" {
			t.Error(diff)
		}
		worker.Finish()
		if _, err := h.ShmStat(dest); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a dest segment after its last detach: %v", err)
		}
	})
}

// The indexes of long-lived objects lie far apart: then /proc serves the list, and qbytes comes from a call for each.
func TestSparseIndexes(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, a := open(t), kernel.NewAdmin()
		var queues, sets, segments []int
		for i := range 200 {
			queues = append(queues, must(a.MsgGet(uint32(i+1), create|0o600))(t))
			sets = append(sets, must(a.SemGet(uint32(i+1), 1, create|0o600))(t))
			segments = append(segments, must(a.ShmGet(uint32(i+1), 1, create|0o600))(t))
		}
		for i := 1; i < 199; i++ {
			ok(t, a.MsgRemove(queues[i]))
			ok(t, a.SemRemove(sets[i]))
			ok(t, a.ShmRemove(segments[i]))
		}
		for _, q := range must(h.MsgQueues(true))(t) {
			if q.QBytes != 16384 || !q.HasQBytes {
				t.Errorf("queue %d: qbytes %d (%v)", q.ID, q.QBytes, q.HasQBytes)
			}
		}
		got := map[string][]int{}
		for _, q := range must(h.MsgQueues(false))(t) {
			got["msg"] = append(got["msg"], q.ID)
		}
		for _, s := range must(h.SemSets())(t) {
			got["sem"] = append(got["sem"], s.ID)
		}
		for _, s := range must(h.ShmSegments(false))(t) {
			got["shm"] = append(got["shm"], s.ID)
		}
		want := map[string][]int{
			"msg": {queues[0], queues[199]}, "sem": {sets[0], sets[199]}, "shm": {segments[0], segments[199]},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// An id holds its index and a sequence number; the next object at the same index must not be taken for the old one.
func TestStatTellsReusedIndexes(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, a := open(t), kernel.NewAdmin()
		// Indexes are handed out round robin; last_id makes the kernel take a given id next (man 5 proc,
		// CONFIG_CHECKPOINT_RESTORE).
		next := func(kind string, id int) {
			ok(t, os.WriteFile("/proc/sys/kernel/"+kind+"_next_id", []byte(fmt.Sprint(id)), 0))
		}
		const index = 5
		old, later := index+1<<15, index+3<<15
		next("msg", old)
		if id := must(a.MsgGet(1, create|0o600))(t); id != old {
			t.Fatalf("made queue %d, want %d", id, old)
		}
		if q, err := h.MsgStat(old); q.ID != old || err != nil {
			t.Errorf("MsgStat(%d) = %v, %v", old, q, err)
		}
		ok(t, a.MsgRemove(old))
		next("msg", later)
		must(a.MsgGet(1, create|0o600))(t)
		for _, id := range []int{old, index, -1, 1 << 30} {
			_, err := h.MsgStat(id)
			if !errors.Is(err, fs.ErrNotExist) || !sys.Gone(err) {
				t.Errorf("MsgStat(%d) while %d lives: %v", id, later, err)
			}
		}
		_, semErr := h.SemStat(old)
		_, shmErr := h.ShmStat(old)
		if !errors.Is(semErr, fs.ErrNotExist) || !errors.Is(shmErr, fs.ErrNotExist) {
			t.Errorf("no set, no segment: %v, %v", semErr, shmErr)
		}
	})
}

func TestRemoveUnknownID(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		a := kernel.NewAdmin()
		got := map[string]string{}
		for what, err := range map[string]error{"msg": a.MsgRemove(42), "sem": a.SemRemove(42), "shm": a.ShmRemove(42)} {
			if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, unix.EINVAL) || !sys.Gone(err) {
				t.Errorf("%s: %v is not both fs.ErrNotExist and EINVAL", what, err)
			}
			got[what] = fmt.Sprint(err)
		}
		want := map[string]string{
			"msg": "no message queue has id 42",
			"sem": "no semaphore set has id 42",
			"shm": "no shared memory segment has id 42",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A waiter learns that its set or queue was removed by EIDRM.
func TestRemoveWakesWaiters(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, a := open(t), kernel.NewAdmin()
		set := must(a.SemGet(1, 1, create|0o600))(t)
		queue := must(a.MsgGet(1, create|0o600))(t)
		woken := make(chan error, 2)
		go func() { woken <- a.SemOp(set, []kernel.SemOp{{Op: -1}}, -1) }()
		go func() { _, _, err := a.MsgReceive(queue, 0, 10, 0); woken <- err }()
		kerneltest.Eventually(t, "the semop waits", func() bool { n, _, err := h.SemWaiters(set, 1); return n == 1 && err == nil })
		ok(t, a.SemRemove(set))
		if err := <-woken; !errors.Is(err, unix.EIDRM) || !sys.Gone(err) {
			t.Errorf("semop on a removed set: %v", err)
		}
		ok(t, a.MsgRemove(queue))
		// The receiver may come too late to have waited: then the queue is unknown to it.
		if err := <-woken; !errors.Is(err, unix.EIDRM) && !errors.Is(err, unix.EINVAL) {
			t.Errorf("msgrcv on a removed queue: %v", err)
		}
	})
}

// A call that waits goes on waiting after a signal.
func TestBlockedSendSurvivesSignals(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		a, h := kernel.NewAdmin(), open(t)
		queue := must(a.MsgGet(1, create|0o600))(t)
		ok(t, a.MsgSetQBytes(queue, 10))
		ok(t, a.MsgSend(queue, 1, make([]byte, 10), 0))
		w := kerneltest.Start(t, "send", fmt.Sprint(queue))
		blocked := func() bool {
			names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", w.PID))
			for _, name := range names {
				text, _ := os.ReadFile(name)
				var nr int
				if fmt.Sscan(string(text), &nr); nr == unix.SYS_MSGSND {
					return true
				}
			}
			return false
		}
		kerneltest.Eventually(t, "the sender is blocked", blocked)
		for range 20 {
			ok(t, syscall.Kill(w.PID, syscall.SIGURG))
		}
		kerneltest.Eventually(t, "the sender is blocked again", blocked)
		if q := must(h.MsgStat(queue))(t); q.QNum != 1 {
			t.Errorf("%d messages in a full queue of one", q.QNum)
		}
		_, _, err := a.MsgReceive(queue, 0, 10, 0)
		ok(t, err)
		if diff := cmp.Diff([]string{"done"}, w.Read()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestProcessHandle(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		a := kernel.NewAdmin()
		w := kerneltest.Start(t, "sleep")
		p := must(a.OpenProcess(w.PID))(t)
		defer p.Close()
		if ended, err := p.Ended(0); ended || err != nil {
			t.Errorf("a living process: ended %v, %v", ended, err)
		}
		ok(t, p.Signal(syscall.SIGKILL))
		if ended, err := p.Ended(kerneltest.Patience); !ended || err != nil {
			t.Errorf("a killed process: ended %v, %v", ended, err)
		}
		w.Kill()
		if err := p.Signal(syscall.SIGTERM); !errors.Is(err, unix.ESRCH) || !sys.Gone(err) {
			t.Errorf("signal to a reaped process: %v", err)
		}
		if _, err := a.OpenProcess(w.PID); !sys.Gone(err) {
			t.Errorf("open a reaped process: %v", err)
		}
	})
}
