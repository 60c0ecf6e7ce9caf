package sysv_test

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
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

const create = sysv.IPCCreat | sysv.IPCExcl

// aboutNow accepts times of the last minute.
var aboutNow = cmp.FilterPath(func(p cmp.Path) bool {
	switch p.Last().String() {
	case ".STime", ".RTime", ".CTime", ".OTime", ".ATime", ".DTime":
		return true
	}
	return false
}, cmp.Comparer(func(a, b int64) bool { return a == b || a != 0 && b != 0 && max(a-b, b-a) < 60 }))

func TestMsgQueues(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, now := sys.Root(""), time.Now().Unix()
		if got := kerneltest.Must(sysv.MsgQueues(h, true))(t); len(got) != 0 {
			t.Errorf("an empty namespace has %v", got)
		}
		first := kerneltest.Must(sysv.MsgGet(0xdeadbeef, create|0o640))(t)
		second := kerneltest.Must(sysv.MsgGet(sysv.KeyPrivate, create|0o600))(t)
		kerneltest.OK(t, sysv.MsgSend(first, 7, []byte("twelve bytes"), 0))
		kerneltest.OK(t, sysv.MsgSend(first, 8, []byte("six.."), 0))
		text, mtype, err := sysv.MsgReceive(first, -7, 100, 0)
		if string(text) != "twelve bytes" || mtype != 7 || err != nil {
			t.Errorf("received %q, %d, %v", text, mtype, err)
		}
		kerneltest.OK(t, sysv.MsgSetQBytes(second, 1000))

		pid := int32(os.Getpid())
		want := []sysv.MsgQueue{{
			IPCPerm: sysv.IPCPerm{Key: 0xdeadbeef, ID: first, Mode: 0o640},
			CBytes:  5, QNum: 1, QBytes: 16384, HasQBytes: true, LSPid: pid, LRPid: pid, STime: now, RTime: now,
			CTime: now,
		}, {
			IPCPerm: sysv.IPCPerm{ID: second, Mode: 0o600},
			QBytes:  1000, HasQBytes: true, CTime: now,
		}}
		if diff := cmp.Diff(want, kerneltest.Must(sysv.MsgQueues(h, true))(t), aboutNow); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want[0], kerneltest.Must(sysv.MsgStat(h, first))(t), aboutNow); diff != "" {
			t.Error(diff)
		}
		wantInfo := sysv.MsgInfo{MNI: 32000, MNB: 16384, Max: 8192, Queues: 2, Messages: 1, Bytes: 5}
		if diff := cmp.Diff(wantInfo, kerneltest.Must(sysv.ReadMsgInfo(h))(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSemSets(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, now := sys.Root(""), time.Now().Unix()
		set := kerneltest.Must(sysv.SemGet(0x6003, 3, create|0o600))(t)
		kerneltest.OK(t, sysv.SemSetValues(set, []uint16{1, 2, 3}))
		kerneltest.OK(t, sysv.SemSetValue(set, 2, 30000))
		want := sysv.SemSet{IPCPerm: sysv.IPCPerm{Key: 0x6003, ID: set, Mode: 0o600}, NSems: 3, CTime: now}
		if diff := cmp.Diff([]sysv.SemSet{want}, kerneltest.Must(sysv.SemSets(h))(t), aboutNow); diff != "" {
			t.Error("before any semop: ", diff)
		}
		kerneltest.OK(t, sysv.Operate(set, []sysv.SemOp{{Num: 0, Op: -1}, {Num: 1, Op: 5}}, -1))
		want.OTime = now
		if diff := cmp.Diff(want, kerneltest.Must(sysv.SemStat(h, set))(t), aboutNow); diff != "" {
			t.Error(diff)
		}
		waiter := kerneltest.Start(t, "semop", fmt.Sprint(set), "0", "-1")
		zero := kerneltest.Start(t, "semop", fmt.Sprint(set), "1", "0")
		kerneltest.Eventually(t, "both workers wait", func() bool {
			n, z, err := sysv.SemWaiters(h, set, 3)
			return n == 1 && z == 1 && err == nil
		})
		pid := int32(os.Getpid())
		wantValues := []sysv.SemValue{
			{Num: 0, NCount: 1, Pid: pid},
			{Num: 1, Value: 7, ZCount: 1, Pid: pid},
			{Num: 2, Value: 30000, Pid: pid},
		}
		if diff := cmp.Diff(wantValues, kerneltest.Must(sysv.SemValues(h, set, 3))(t)); diff != "" {
			t.Error(diff)
		}
		kerneltest.OK(t, sysv.Operate(set, []sysv.SemOp{{Num: 0, Op: 1}, {Num: 1, Op: -7}}, time.Second))
		for _, w := range []*kerneltest.Worker{waiter, zero} {
			if diff := cmp.Diff([]string{"done"}, w.Read()); diff != "" {
				t.Error(diff)
			}
		}
		if err := sysv.Operate(set, []sysv.SemOp{{Num: 0, Op: -1}}, time.Millisecond); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("a semop that cannot be done in time: %v", err)
		}
		wantInfo := sysv.SemInfo{MSL: 32000, MNS: 1024000000, OPM: 500, MNI: 32000, Sets: 1, Semaphores: 3}
		if diff := cmp.Diff(wantInfo, kerneltest.Must(sysv.ReadSemInfo(h))(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestShmSegments(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, now, pid := sys.Root(""), time.Now().Unix(), int32(os.Getpid())
		plain := kerneltest.Must(sysv.ShmGet(0x1234, 5000, create|0o644))(t)
		dest := kerneltest.Must(sysv.ShmGet(0xfeedface, 1<<20, create|0o600))(t)
		data := kerneltest.Must(sysv.ShmAttach(plain, false))(t)
		data[0], data[4999] = 1, 1
		kerneltest.OK(t, sysv.ShmDetach(data))
		worker := kerneltest.Start(t, "attach", fmt.Sprint(dest))
		kerneltest.OK(t, sysv.ShmLock(dest))
		kerneltest.OK(t, sysv.ShmRemove(dest))

		want := []sysv.ShmSegment{{
			IPCPerm: sysv.IPCPerm{Key: 0x1234, ID: plain, Mode: 0o644},
			Size:    5000, CPid: pid, LPid: pid, ATime: now, DTime: now, CTime: now, RSS: 8192, HasRSS: true,
		}, {
			IPCPerm: sysv.IPCPerm{Key: 0, ID: dest, Mode: 0o600 | sysv.ModeDest | sysv.ModeLocked},
			Size:    1 << 20, CPid: pid, LPid: int32(worker.PID), NAttch: 1, ATime: now, CTime: now, RSS: 4096,
			HasRSS: true,
		}}
		if diff := cmp.Diff(want, kerneltest.Must(sysv.ShmSegments(h, true))(t), aboutNow); diff != "" {
			t.Error("from /proc: ", diff)
		}
		noRSS := cmpopts.IgnoreFields(sysv.ShmSegment{}, "RSS", "HasRSS")
		if diff := cmp.Diff(want, kerneltest.Must(sysv.ShmSegments(h, false))(t), aboutNow, noRSS); diff != "" {
			t.Error("from SHM_STAT_ANY: ", diff)
		}
		if diff := cmp.Diff(want[1], kerneltest.Must(sysv.ShmStat(h, dest))(t), aboutNow, noRSS); diff != "" {
			t.Error(diff)
		}
		info := kerneltest.Must(sysv.ReadShmInfo(h))(t)
		wantInfo := sysv.ShmInfo{
			Max: 18446744073692774399, Min: 1, MNI: 4096, All: 18446744073692774399, PageSize: 4096,
			Segments: 2, Pages: 258, RSSPages: 3,
		}
		if diff := cmp.Diff(wantInfo, info); diff != "" {
			t.Error(diff)
		}
		worker.Finish()
		if _, err := sysv.ShmStat(h, dest); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a dest segment after its last detach: %v", err)
		}
	})
}

// The indexes of long-lived objects lie far apart. Then the list comes from /proc, and each qbytes from a call.
func TestSparseIndexes(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		var queues, sets, segments []int
		for i := range 200 {
			queues = append(queues, kerneltest.Must(sysv.MsgGet(uint32(i+1), create|0o600))(t))
			sets = append(sets, kerneltest.Must(sysv.SemGet(uint32(i+1), 1, create|0o600))(t))
			segments = append(segments, kerneltest.Must(sysv.ShmGet(uint32(i+1), 1, create|0o600))(t))
		}
		for i := 1; i < 199; i++ {
			kerneltest.OK(t, sysv.MsgRemove(queues[i]))
			kerneltest.OK(t, sysv.SemRemove(sets[i]))
			kerneltest.OK(t, sysv.ShmRemove(segments[i]))
		}
		for _, q := range kerneltest.Must(sysv.MsgQueues(h, true))(t) {
			if q.QBytes != 16384 || !q.HasQBytes {
				t.Errorf("queue %d: qbytes %d (%v)", q.ID, q.QBytes, q.HasQBytes)
			}
		}
		got := map[string][]int{}
		for _, q := range kerneltest.Must(sysv.MsgQueues(h, false))(t) {
			got["msg"] = append(got["msg"], q.ID)
		}
		for _, s := range kerneltest.Must(sysv.SemSets(h))(t) {
			got["sem"] = append(got["sem"], s.ID)
		}
		for _, s := range kerneltest.Must(sysv.ShmSegments(h, false))(t) {
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

// An id holds its index and a sequence number. A stat of the old id must not return the next object at the same
// index.
func TestStatTellsReusedIndexes(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		// The kernel gives out indexes round robin. last_id chooses the next id (man 5 proc,
		// CONFIG_CHECKPOINT_RESTORE).
		next := func(kind string, id int) {
			kerneltest.OK(t, os.WriteFile("/proc/sys/kernel/"+kind+"_next_id", []byte(fmt.Sprint(id)), 0))
		}
		const index = 5
		old, later := index+1<<15, index+3<<15
		next("msg", old)
		if id := kerneltest.Must(sysv.MsgGet(1, create|0o600))(t); id != old {
			t.Fatalf("made queue %d, want %d", id, old)
		}
		if q, err := sysv.MsgStat(h, old); q.ID != old || err != nil {
			t.Errorf("MsgStat(%d) = %v, %v", old, q, err)
		}
		kerneltest.OK(t, sysv.MsgRemove(old))
		next("msg", later)
		kerneltest.Must(sysv.MsgGet(1, create|0o600))(t)
		for _, id := range []int{old, index, -1, 1 << 30} {
			_, err := sysv.MsgStat(h, id)
			if !errors.Is(err, fs.ErrNotExist) || !sys.Gone(err) {
				t.Errorf("MsgStat(%d) while %d lives: %v", id, later, err)
			}
		}
		_, semErr := sysv.SemStat(h, old)
		_, shmErr := sysv.ShmStat(h, old)
		if !errors.Is(semErr, fs.ErrNotExist) || !errors.Is(shmErr, fs.ErrNotExist) {
			t.Errorf("no set, no segment: %v, %v", semErr, shmErr)
		}
	})
}

func TestRemoveUnknownID(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		got := map[string]string{}
		for what, err := range map[string]error{"msg": sysv.MsgRemove(42), "sem": sysv.SemRemove(42),
			"shm": sysv.ShmRemove(42)} {
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

// EIDRM tells a waiter that its set or queue was removed.
func TestRemoveWakesWaiters(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		set := kerneltest.Must(sysv.SemGet(1, 1, create|0o600))(t)
		queue := kerneltest.Must(sysv.MsgGet(1, create|0o600))(t)
		woken := make(chan error, 2)
		go func() { woken <- sysv.Operate(set, []sysv.SemOp{{Op: -1}}, -1) }()
		go func() { _, _, err := sysv.MsgReceive(queue, 0, 10, 0); woken <- err }()
		kerneltest.Eventually(t, "the semop waits",
			func() bool { n, _, err := sysv.SemWaiters(h, set, 1); return n == 1 && err == nil })
		kerneltest.OK(t, sysv.SemRemove(set))
		if err := <-woken; !errors.Is(err, unix.EIDRM) || !sys.Gone(err) {
			t.Errorf("semop on a removed set: %v", err)
		}
		kerneltest.OK(t, sysv.MsgRemove(queue))
		// The receiver may start after the removal: then the queue is unknown to it.
		if err := <-woken; !errors.Is(err, unix.EIDRM) && !errors.Is(err, unix.EINVAL) {
			t.Errorf("msgrcv on a removed queue: %v", err)
		}
	})
}

// A blocked call goes on waiting after a signal.
func TestBlockedSendSurvivesSignals(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		queue := kerneltest.Must(sysv.MsgGet(1, create|0o600))(t)
		kerneltest.OK(t, sysv.MsgSetQBytes(queue, 10))
		kerneltest.OK(t, sysv.MsgSend(queue, 1, make([]byte, 10), 0))
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
			kerneltest.OK(t, syscall.Kill(w.PID, syscall.SIGURG))
		}
		kerneltest.Eventually(t, "the sender is blocked again", blocked)
		if q := kerneltest.Must(sysv.MsgStat(h, queue))(t); q.QNum != 1 {
			t.Errorf("%d messages in a full queue of one", q.QNum)
		}
		_, _, err := sysv.MsgReceive(queue, 0, 10, 0)
		kerneltest.OK(t, err)
		if diff := cmp.Diff([]string{"done"}, w.Read()); diff != "" {
			t.Error(diff)
		}
	})
}
