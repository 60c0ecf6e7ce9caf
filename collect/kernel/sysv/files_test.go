package sysv

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// A tree of files has only /proc/sysvipc. No system call asks the machine of the test.
func TestSysVFromFiles(t *testing.T) {
	root := kerneltest.Tree(t, map[string]string{
		"proc/sysvipc/msg":       msgLines,
		"proc/sysvipc/sem":       semLines,
		"proc/sysvipc/shm":       shmLines,
		"proc/sys/kernel/msgmni": "32000\n",
		"proc/sys/kernel/msgmnb": "16384\n",
		"proc/sys/kernel/msgmax": "8192\n",
		"proc/sys/kernel/sem":    "32000\t1024000000\t500\t32000\n",
		"proc/sys/kernel/shmmax": "18446744073709551615\n",
		"proc/sys/kernel/shmmni": "4096\n",
		"proc/sys/kernel/shmall": "18446744073692774399\n",
	})
	h := kerneltest.Must(sys.OpenRoot(root))(t)
	type result struct {
		Msg     []MsgQueue
		Sem     []SemSet
		Shm     []ShmSegment
		MsgInfo MsgInfo
		SemInfo SemInfo
		ShmInfo ShmInfo
	}
	var got, want result
	var errs [6]error
	got.Msg, errs[0] = MsgQueues(h, true)
	got.Sem, errs[1] = SemSets(h)
	got.Shm, errs[2] = ShmSegments(h, false)
	got.MsgInfo, errs[3] = ReadMsgInfo(h)
	got.SemInfo, errs[4] = ReadSemInfo(h)
	got.ShmInfo, errs[5] = ReadShmInfo(h)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	want.Msg, _ = parseTable(msgLines, msgRow)
	want.Sem, _ = parseTable(semLines, semRow)
	want.Shm, _ = parseTable(shmLines, shmRow)
	want.MsgInfo = MsgInfo{MNI: 32000, MNB: 16384, Max: 8192, Queues: 2, Messages: 4, Bytes: 400}
	want.SemInfo = SemInfo{MSL: 32000, MNS: 1024000000, OPM: 500, MNI: 32000, Sets: 1, Semaphores: 250}
	page := uint64(os.Getpagesize())
	want.ShmInfo = ShmInfo{
		Max: 18446744073709551615, Min: 1, MNI: 4096, All: 18446744073692774399, PageSize: page,
		Segments: 4, Pages: 4096/page + 1<<60/page + 2<<20/page + (4097+page-1)/page,
		RSSPages: (8192 + 2<<20 + 8192) / page, SwapPages: 4096 / page,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if q, err := MsgStat(h, 32769); q != want.Msg[1] || err != nil {
		t.Errorf("MsgStat(32769) = %v, %v", q, err)
	}
	if _, err := MsgStat(h, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("MsgStat(1): %v", err)
	}
	if _, err := SemValues(h, 2, 250); !errors.Is(err, sys.ErrNotLive) {
		t.Errorf("SemValues: %v", err)
	}
	if _, _, err := SemWaiters(h, 2, 250); !errors.Is(err, sys.ErrNotLive) {
		t.Errorf("SemWaiters: %v", err)
	}
}

// A kernel without System V has no /proc/sysvipc. The error for a broken file names the file.
func TestSysVFilesMissingOrBroken(t *testing.T) {
	root := kerneltest.Tree(t, map[string]string{"proc/sysvipc/sem": semLines + "rubbish\n",
		"proc/sys/kernel/sem": "1 2 3\n"})
	h := kerneltest.Must(sys.OpenRoot(root))(t)
	if _, err := MsgQueues(h, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	sets, err := SemSets(h)
	if len(sets) != 1 || !errors.Is(err, scan.ErrMalformed) {
		t.Errorf("broken line: %v, %v", sets, err)
	}
	if want := "read /proc/sysvipc/sem: line 3: malformed"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := ReadSemInfo(h); !errors.Is(err, scan.ErrMalformed) {
		t.Errorf("three limits of four: %v", err)
	}
}
