package collect

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// workFullPlaces fills its IPC namespace, which takes one segment, and its /dev/shm of 64 KiB. Its words are the id of
// the segment and the device of /dev/shm.
func workFullPlaces(j *kerneltest.Job) {
	j.Check(os.WriteFile("/proc/sys/kernel/shmmni", []byte("1"), 0))
	id, err := kernel.NewAdmin().ShmGet(0x51, 4096, createIPC|0o600)
	j.Check(err)
	j.Check(unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777,size=64k"))
	j.Check(os.WriteFile("/dev/shm/full", make([]byte, 64<<10), 0o600))
	var st unix.Stat_t
	j.Check(unix.Stat("/dev/shm", &st))
	j.Ready(id, schema.FormatDev(st.Dev))
	j.Wait()
}

// The limits of another IPC namespace and another /dev/shm are checked there, against the objects there, and the
// finding says whose they are.
func TestDoctorLooksAtEveryPlace(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		for key := range uint32(3) { // no limit is near here
			s.id(s.admin.ShmGet(0x60+key, 4096, createIPC|0o600))
		}
		w := kerneltest.StartIn(t, unix.CLONE_NEWIPC|unix.CLONE_NEWNS, "full-places")
		look := func(all bool) []schema.Finding {
			req := DoctorRequest()
			req.AllNamespaces = all
			snap := ExamineSnapshot(s.host, New(s.host, func() time.Time { return s.now }).Take(req))
			return slices.DeleteFunc(snap.Findings,
				func(f schema.Finding) bool { return f.Severity != schema.Critical })
		}
		s.equal("without -A", 0, len(look(false)))
		ipc, who := s.ipcOf(w.PID), fmt.Sprintf("%s[%d]", s.end(w.PID).Comm, w.PID)
		owner := s.userName()
		want := []schema.Finding{
			{Kind: "dev-shm", Severity: schema.Critical, Proof: schema.Observed,
				Says: fmt.Sprintf("in the /dev/shm of %s (device %s): /dev/shm is full (100 %%): write fails with "+
					"ENOSPC, and touching mapped memory for the first time is SIGBUS", who, w.Words[1]),
				Evidence: []string{"64 KiB of 64 KiB are in use (statfs)", "by owner: " + owner + " 64 KiB"},
				Advice: fmt.Sprintf("Inside (`nsenter --target %d --mount`): See what takes it (`ipctop --once pshm "+
					"--sort -allocated`) and what is left behind (`ipctop leaks`). To allow more: "+
					"`mount -o remount,size=128k /dev/shm`, and size= in /etc/fstab; for a container `docker run "+
					"--shm-size=SIZE`, in Kubernetes an emptyDir with medium: Memory", w.PID)},
			{Kind: "limit", Severity: schema.Critical, Proof: schema.Observed,
				Refs: []schema.Ref{{Kind: schema.Limit, Space: ipc, Name: "SHMMNI"}},
				Says: fmt.Sprintf("in the IPC namespace of %s (%d): the limit of System V segments is reached: "+
					"shmget fails with ENOSPC", who, ipc),
				Evidence: []string{"kernel.shmmni is 1, in use are 1", "by owner: " + owner + " 1"},
				Advice: fmt.Sprintf("Inside (`nsenter --ipc=/proc/%d/ns/ipc`): See what is left behind: "+
					"`ipctop leaks`. To allow more: `sysctl -w kernel.shmmni=2`", w.PID)},
		}
		got := look(true)
		slices.SortFunc(got, func(a, b schema.Finding) int { return strings.Compare(a.Kind, b.Kind) })
		s.equal("with -A", want, got)
	})
}

// userName is the name of the test's own user.
func (s *sysvScene) userName() string {
	s.Helper()
	rows, _ := table(s.take(schema.Shm), schema.Shm)
	for _, r := range rows {
		return r["owner"].Str()
	}
	s.Fatal("no segment")
	return ""
}
