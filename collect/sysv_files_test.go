package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// sysvFiles are copied files of a machine. It booted at 1795264000. Process 310 started 100 s later, and process 311
// started 200 s later.
func sysvFiles() map[string]string {
	stat := func(pid int, start uint64) string {
		return fmt.Sprintf("%d (a b) S 1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 %d 1 1 0 0 0 0 0 0 0 0 0 0 0 0 "+
			"17 0 0 0 0 0 0\n", pid, start)
	}
	const shmHead = "key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap\n"
	return map[string]string{
		"proc/stat":     "cpu 0 0 0 0\nbtime 1795264000\n",
		"proc/310/stat": stat(310, 100_00),
		"proc/311/stat": stat(311, 200_00),
		"proc/310/maps": "7f0000000000-7f0000001000 rw-s 00000000 00:01 5 /SYSV00001234 (deleted)\n",
		"proc/311/maps": "7f0000000000-7f0000001000 rw-s 00000000 00:01 5 /memfd:SYSV00001234 (deleted)\n",
		"proc/sysvipc/msg": "key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid stime rtime ctime\n" +
			" 1 7 600 10 1 310 0 0 0 0 0 1795264300 0 1795264300\n",
		"proc/sysvipc/sem": "key semid perms nsems uid gid cuid cgid otime ctime\n",
		"proc/sysvipc/shm": shmHead +
			"4660 5 644 4096 310 310 1 0 0 0 0 1795264300 0 1795264300 4096 0\n" + // process 310 made it
			// made before 311 started, by an earlier process 311
			"4661 6 644 4096 311 0 0 0 0 0 0 0 0 1795264150 0 0\n" +
			// ctime is rounded down to seconds, so 311 may have made it
			"4662 7 644 4096 311 0 0 0 0 0 0 0 0 1795264199 0 0\n" +
			"4663 8 644 4096 999 0 0 0 0 0 0 0 0 1795264300 0 0\n" +
			"4664 9 644 4096 0 0 0 0 0 0 0 0 0 1795264300 0 0\n" +
			// in a huge page, which the kernel counts 512 times (ipc/shm.c, shm_add_rss_swap)
			"0 10 600 2097152 310 0 0 0 0 0 0 0 0 1795264300 1073741824 0\n",
		"proc/310/task/310/syscall": "-1 0x7ffd2a1c5ed8 0x7f3b1c90f2d7\n",
		"proc/311/task/311/syscall": fmt.Sprintf("%d 0x7 0x7ffd2a1c5f0a 0x64 0x0 0x0 0x0 0x7ffd2a1c5ed8 "+
			"0x7f3b1c90f2d7\n",
			unix.SYS_MSGRCV),
	}
}

func TestSysVOfAFileTree(t *testing.T) {
	root := t.TempDir()
	for name, text := range sysvFiles() {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	host, err := kernel.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	need := proc.NeedProcs | proc.NeedMaps | proc.NeedSyscall | kinds.NeedResident
	snap := New(host, func() time.Time { return time.Unix(1795264400, 0) }).Take(Request{
		Want: map[schema.Kind]schema.Need{schema.Msg: need, schema.Sem: need, schema.Shm: need}, Edges: true})
	if len(snap.Faults) > 0 {
		t.Errorf("faults: %+v", snap.Faults)
	}
	end := schema.Endpoint{PID: 310, Comm: "a b", FD: -1, Start: 10000, Maps: 1}
	none := schema.Endpoints(nil, false)
	got := map[string]cells{}
	segments, edges := table(snap, schema.Shm)
	for ref, row := range segments {
		got[ref] = cells{"creator_state": row["creator_state"], "holders": row["holders"]}
	}
	want := map[string]cells{
		"shm:5": {"creator_state": schema.String(proc.CreatorAlive),
			"holders": schema.Endpoints([]schema.Endpoint{end}, false)},
		"shm:6":  {"creator_state": schema.String(proc.CreatorReused), "holders": none},
		"shm:7":  {"creator_state": schema.String(proc.CreatorAlive), "holders": none},
		"shm:8":  {"creator_state": schema.String(proc.CreatorDead), "holders": none},
		"shm:9":  {"creator_state": schema.String(proc.CreatorOutside), "holders": none},
		"shm:10": {"creator_state": schema.String(proc.CreatorAlive), "holders": none},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	huge := cells{"rss": schema.Bytes(2 << 20), "key": schema.Key(sysv.KeyPrivate)}
	if diff := gocmp.Diff(huge, cells{"rss": segments["shm:10"]["rss"], "key": segments["shm:10"]["key"]}); diff != "" {
		t.Error(diff)
	}
	wantEdges := []string{
		"proc:310 created shm:10 shmget observed",
		"proc:310 created shm:5 shmget observed",
		"proc:310 last_used shm:5 shmat or shmdt observed",
		"proc:310 maps shm:5 1 mapping observed",
		"proc:311 created shm:7 shmget observed",
	}
	if diff := gocmp.Diff(wantEdges, edges); diff != "" {
		t.Error(diff)
	}
	queues, edges := table(snap, schema.Msg)
	waiting := schema.Endpoint{PID: 311, TID: 311, Comm: "a b", FD: -1, Start: 20000, Mode: "msgrcv"}
	if diff := gocmp.Diff(schema.Endpoints([]schema.Endpoint{waiting}, false), queues["msg:7"]["waiters"]); diff != "" {
		t.Error(diff)
	}
	wantEdges = []string{
		"proc:310 last_used msg:7 msgsnd observed",
		"proc:311 waits_on msg:7 msgrcv type 0 observed",
	}
	if diff := gocmp.Diff(wantEdges, edges); diff != "" {
		t.Error(diff)
	}
}
