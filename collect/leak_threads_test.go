package collect

import (
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// workThreadOfUser has a thread with the uids of its argument. The other threads stay root.
func workThreadOfUser(j *kerneltest.Job) {
	uid, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	kerneltest.OnOtherThread(func() {
		// the system call alone changes this thread only (man 2 setresuid)
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
			j.Check(e)
		}
		j.Ready()
		select {}
	})
	j.Wait()
}

// An older process knows the objects of a user if only one of its threads is of this user.
func TestOrphanThatAThreadMayKnow(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		const uid = 1234
		if unix.Getuid() != 0 || !mayBecome(uid) {
			t.Skip("needs to change the user")
		}
		s := newSysVScene(t)
		w := kerneltest.Start(t, "thread-of-user", strconv.Itoa(uid))
		maker := kerneltest.StartAs(t, &syscall.Credential{Uid: uid, Gid: uid}, "make-segment", "4660")
		ref := "shm:" + maker.Words[0]
		maker.Kill()
		want := s.possibleUser(w.PID, uid, time.Unix(s.segment(maker.Words[0]).CTime, 0))
		got := s.verdicts(schema.Shm)[ref]
		if got.Verdict != relate.Suspect || !slices.Contains(got.Reasons, want) {
			t.Errorf("%s: %+v, want suspect: %s", ref, got, want)
		}
	})
}
