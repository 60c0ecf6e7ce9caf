package process

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// Lines as Linux 6.18 wrote them.
const (
	statBash = "3921 (bash) S 3907 3921 3921 34816 4012 4194304 1530 20163 0 9 4 2 41 21 20 0 1 0 154276 5066752 " +
		"1011 18446744073709551615 94353868845056 94353869779829 140724876143088 0 0 0 65536 3686404 1266761467 1 0 " +
		"0 17 1 0 0 0 0 0 94353870019056 94353870067232 94354166472704 140724876146018 140724876146024 " +
		"140724876146024 140724876148718 0\n"
	statKthread = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 3 0 0 18446744073709551615 0 0 0 0 0 " +
		"0 0 2147483647 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
	statZombie = "4100 (a) Z (b\n) Z 3921 4100 3921 34816 4012 4227084 73 0 0 0 0 0 0 0 39 19 1 0 160001 0 0 " +
		"18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 15\n"
	statusBash = "Name:\tbash\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t3921\nNgid:\t0\nPid:\t3921\nPPid:\t3907\n" +
		"TracerPid:\t0\nUid:\t1000\t0\t0\t1000\nGid:\t1000\t1001\t1002\t4294967295\nFDSize:\t256\n" +
		"Groups:\t4 24 1000\nThreads:\t1\n"
)

func TestParsePolicyOfProcStat(t *testing.T) {
	const line = "9 (migration/0) S 2 0 0 0 -1 69238880 0 0 0 0 0 5 0 0 -100 0 1 0 3 0 0 18446744073709551615 0 0 0 " +
		"0 0 0 0 2147483647 0 0 0 0 17 0 99 1 0 0 0 0 0 0 0 0 0 0 0\n"
	got, err := ParseProcStat([]byte(line))
	if err != nil || !got.HasPolicy || got.RTPrio != 99 || SchedClass(got.Policy) != "FF" {
		t.Errorf("%+v, %v: want FIFO at 99", got, err)
	}
	// A line that ends after the field of every reader has no policy.
	if got, err = ParseProcStat([]byte(line[:strings.Index(line, " 17 0 99")])); err != nil || got.HasPolicy {
		t.Errorf("%+v, %v: want no policy", got, err)
	}
}

func TestParseProcStat(t *testing.T) {
	for line, want := range map[string]ProcStat{
		statBash: {PID: 3921, PPID: 3907, PGID: 3921, SID: 3921, Comm: "bash", State: 'S', TTY: 34816, Flags: 4194304,
			UTime: 4, STime: 2, Threads: 1, Start: 154276, RSS: 1011},
		statKthread: {PID: 2, Comm: "kthreadd", State: 'S', Flags: 2129984, STime: 1, Threads: 1, Start: 3},
		statZombie: {PID: 4100, PPID: 3921, PGID: 4100, SID: 3921, Comm: "a) Z (b\n", State: 'Z', TTY: 34816,
			Flags: 4227084,
			Nice:  19, Threads: 1, Start: 160001},
	} {
		want.HasPolicy = true
		got, err := ParseProcStat([]byte(line))
		if diff := gocmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", line, err, diff)
		}
		if got.KernelThread() != (got.PID == 2) {
			t.Errorf("%s: kernel thread %v", got.Comm, got.KernelThread())
		}
	}
}

func TestParseProcStatRefuses(t *testing.T) {
	if got, err := ParseProcStat([]byte(statBash[:strings.Index(statBash, " 1011 ")])); !errors.Is(err, scan.ErrShort) {
		t.Errorf("cut off before rss: %+v, %v", got, err)
	}
	for _, line := range []string{"", "1", "1 (", "(x) S 1", "1 (x", "1 (x)", "1 (x) ",
		"x (y) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 1 1", ") (",
		"1 (x) SS 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 1 1"} {
		if got, err := ParseProcStat([]byte(line)); !errors.Is(err, scan.ErrShort) {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
}

func TestParseProcStatus(t *testing.T) {
	got, err := ParseProcStatus([]byte(statusBash))
	want := ProcStatus{UID: [4]uint32{1000, 0, 0, 1000}, GID: [4]uint32{1000, 1001, 1002, 4294967295},
		Groups: []uint32{4, 24, 1000}}
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	// The escaped name stands above the ids, so it cannot look like a line of its own.
	spoof := strings.Replace(statusBash, "bash", `Uid:\n\tUid:`, 1)
	if got, err = ParseProcStatus([]byte(spoof)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "Uid:\t1\t2\t3\t4\n", "Uid:\t1\t2\t3\nGid:\t1\t2\t3\t4\n",
		"Uid:\t1\t2\t3\t-4\nGid:\t1\t2\t3\t4\n", "Uid:\t1\t2\t3\t4294967296\nGid:\t1\t2\t3\t4\n",
		"Uid:\t1\t2\t3\t4\nGid:\t1\t2\t3\t4\nGroups:\t1 x\n", "Groups:\t1\nUid:\t1\t2\t3\t4\nGid:\t1\t2\t3\t4\n"} {
		if got, err := ParseProcStatus([]byte(text)); !errors.Is(err, scan.ErrShort) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// The parsers read the text of the running kernel.
func TestOwnProcess(t *testing.T) {
	dir := selfDir(t)
	text, err := dir.Read("stat", nil)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := ParseProcStat(text)
	if err != nil || stat.PID != os.Getpid() || stat.PPID != os.Getppid() || stat.PGID != unix.Getpgrp() ||
		stat.Threads < 1 {
		t.Errorf("%+v, %v", stat, err)
	}
	if text, err = dir.Read("status", nil); err != nil {
		t.Fatal(err)
	}
	status, err := ParseProcStatus(text)
	if uid, gid := uint32(os.Getuid()), uint32(os.Getgid()); err != nil || status.UID[0] != uid ||
		status.GID[0] != gid {
		t.Errorf("%+v, %v", status, err)
	}
	n, err := dir.FDCount()
	if names, dirErr := os.ReadDir("/proc/self/fd"); err != nil || dirErr != nil || n < 3 || n > len(names)+3 {
		t.Errorf("%d descriptors, %v; /proc lists %v, %v", n, err, names, dirErr)
	}
}

func FuzzParseProcStat(f *testing.F) {
	for _, line := range []string{statBash, statKthread, statZombie, "1 ())) R"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseProcStat(text)
		if err != nil {
			if s != (ProcStat{}) {
				t.Errorf("%+v beside an error", s)
			}
			return
		}
		if s.PID < 0 {
			t.Errorf("pid %d", s.PID)
		}
		if !bytes.Contains(text, []byte("("+s.Comm+")")) {
			t.Errorf("comm %q is not in %q", s.Comm, text)
		}
	})
}

func FuzzParseProcStatus(f *testing.F) {
	f.Add([]byte(statusBash))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseProcStatus(text); err != nil && !reflect.DeepEqual(s, ProcStatus{}) {
			t.Errorf("%+v beside an error", s)
		}
	})
}
