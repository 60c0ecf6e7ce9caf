package collect

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestLimits(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		for name, text := range map[string]string{
			"kernel/msgmni": "11", "kernel/msgmax": "1200", "kernel/msgmnb": "13000", "kernel/sem": "14 1500 16 17",
			"kernel/shmmni": "18", "kernel/shmmax": "1900000",
			"fs/mqueue/queues_max": "20", "fs/mqueue/msg_max": "21", "fs/mqueue/msgsize_max": "2200",
			"fs/mqueue/msg_default": "5", "fs/mqueue/msgsize_default": "2100",
		} {
			// Since Linux 6.10 an ordinary user may set these limits in a user namespace. On older kernels they stay
			// unchanged.
			if err := os.WriteFile("/proc/sys/"+name, []byte(text), 0o644); err != nil && os.Getuid() == 0 &&
				os.Geteuid() == 0 {
				t.Skipf("needs to set limits of an IPC namespace, which this kernel refuses: %v", err)
			}
		}
		s.check(unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64k,nr_inodes=100"))
		t.Cleanup(func() { unix.Unmount("/dev/shm", unix.MNT_DETACH) })
		s.id(s.admin.MsgGet(1, createIPC|0o600))
		s.id(s.admin.SemGet(1, 3, createIPC|0o600))
		s.id(s.admin.ShmGet(1, 2*4096, createIPC|0o600))
		s.opened(s.admin.MqOpen("/q", create, 0o600, nil))
		s.check(os.WriteFile("/dev/shm/x", make([]byte, 4096), 0o600))

		var got []string
		rows, _ := s.lookAt(schema.Limit, ^schema.Need(0))
		text := func(v schema.Value) string {
			if !v.IsKnown() {
				return "-"
			}
			return fmt.Sprint(v.Int())
		}
		for _, name := range []string{
			"MSGMNI", "MSGMAX", "MSGMNB", "MQUMNI", "MQUMAX", "MQUMNB", "MQUDFM", "MQUDFS", "SEMMNI", "SEMMNS",
			"SEMMSL", "SEMOPM", "SEMVMX",
			"SHMMNI", "SHMALL", "SHMMAX", "SHMMIN", "SHMFS", "SHMFSI",
		} {
			r := rows["limit:"+name]
			use := "-"
			if v := r["use"]; v.IsKnown() {
				use = fmt.Sprintf("%.1f", v.Float())
			}
			got = append(got, fmt.Sprintf("%s %s of %s %s %s by %s", name, text(r["used"]), text(r["limit"]),
				r["unit"].Str(), use, r["sysctl"].Str()))
		}
		s.equal("limits", []string{
			"MSGMNI 1 of 11 objects 9.1 by kernel.msgmni",
			"MSGMAX - of 1200 bytes - by kernel.msgmax",
			"MSGMNB - of 13000 bytes - by kernel.msgmnb",
			"MQUMNI 1 of 20 objects 5.0 by fs.mqueue.queues_max",
			"MQUMAX - of 2200 bytes - by fs.mqueue.msgsize_max",
			"MQUMNB - of 21 objects - by fs.mqueue.msg_max",
			"MQUDFM - of 5 objects - by fs.mqueue.msg_default",
			"MQUDFS - of 2100 bytes - by fs.mqueue.msgsize_default",
			"SEMMNI 1 of 17 objects 5.9 by kernel.sem[4]",
			"SEMMNS 3 of 1500 objects 0.2 by kernel.sem[2]",
			"SEMMSL - of 14 objects - by kernel.sem[1]",
			"SEMOPM - of 16 objects - by kernel.sem[3]",
			"SEMVMX - of 32767 objects - by ",
			"SHMMNI 1 of 18 objects 5.6 by kernel.shmmni",
			"SHMALL 2 of - pages 0.0 by kernel.shmall",
			"SHMMAX - of 1900000 bytes - by kernel.shmmax",
			"SHMMIN - of 1 bytes - by ",
			"SHMFS 4096 of 65536 bytes 6.2 by tmpfs:size",
			"SHMFSI 2 of 100 objects 2.0 by tmpfs:nr_inodes",
		}, got)
		if len(rows) != len(got) {
			t.Errorf("%d limits, want %d", len(rows), len(got))
		}
	})
}

// On a tree of files the limits come from its files. /dev/shm has no limit there.
func TestLimitsNeedNoLiveMachine(t *testing.T) {
	m := sampleMachine(t)
	snap := m.Take(Request{Want: map[schema.Kind]schema.Need{schema.Limit: 0}})
	rows, _ := table(snap, schema.Limit)
	if v := rows["limit:MSGMNI"]["used"]; v.Int() != 2 || len(snap.Faults) != 0 || rows["limit:SHMFS"] != nil {
		t.Errorf("used %v, faults %v, %v", v.Int(), snap.Faults, rows["limit:SHMFS"])
	}
}
