package sysv

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// Lines as Linux 6.18 writes them.
const (
	msgHead = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      " +
		"stime      rtime      ctime\n"
	semHead = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
	shmHead = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      " +
		"atime      dtime      ctime                   rss                  swap\n"

	msgLines = msgHead +
		"     20481          0   644         400          4   311     0     0     0     0     0 " +
		"1795264242          0 1795264241\n" +
		"-559038737      32769   600           0          0     0     0 65534 65534  1000  1000          " +
		"0          0 1795264241\n"
	semLines = semHead +
		"     24579          2   600        250  1000  1000     0     0          0 1795264241\n"
	shmLines = shmHead +
		"      4660          3   644                  4096   310   310      0     0     0     0     0          0 " +
		"1795264242 1795264241                     0                     0\n" +
		"         0          6  3600   1152921504606846976   310   315      4     0     0     0     0 " +
		"1795264242          0 1795264241                  8192                  4096\n" +
		"         1          7   600               2097152   310   315      1     0     0     0     0 " +
		"1795264242          0 1795264241            1073741824                     0\n" +
		"         2          8   600                  4097   310   315      1     0     0     0     0 " +
		"1795264242          0 1795264241                  8192                     0\n"
	// Before 2.6.36 the columns rss and swap did not exist.
	oldShmLines = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  " +
		"cgid      atime      dtime      ctime\n" +
		"      4660          3   644                  4096   310   310      0     0     0     0     0          0 " +
		"1795264242 1795264241\n"
)

func TestParseMsg(t *testing.T) {
	got, err := parseTable(msgLines, msgRow)
	want := []MsgQueue{{
		IPCPerm: IPCPerm{Key: 0x5001, ID: 0, Mode: 0o644},
		CBytes:  400, QNum: 4, LSPid: 311, STime: 1795264242, CTime: 1795264241,
	}, {
		IPCPerm: IPCPerm{Key: 0xdeadbeef, ID: 32769, UID: 65534, GID: 65534, CUID: 1000, CGID: 1000, Mode: 0o600},
		CTime:   1795264241,
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestParseSem(t *testing.T) {
	got, err := parseTable(semLines, semRow)
	want := []SemSet{{
		IPCPerm: IPCPerm{Key: 0x6003, ID: 2, UID: 1000, GID: 1000, Mode: 0o600},
		NSems:   250, CTime: 1795264241,
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestParseShm(t *testing.T) {
	got, err := parseTable(shmLines, shmRow)
	want := []ShmSegment{{
		IPCPerm: IPCPerm{Key: 0x1234, ID: 3, Mode: 0o644},
		Size:    4096, CPid: 310, LPid: 310, DTime: 1795264242, CTime: 1795264241, HasRSS: true,
	}, {
		IPCPerm: IPCPerm{ID: 6, Mode: 0o600 | ModeDest | ModeLocked},
		Size:    1 << 60, CPid: 310, LPid: 315, NAttch: 4, ATime: 1795264242, CTime: 1795264241,
		RSS: 8192, Swap: 4096, HasRSS: true,
	}, { // a hugetlb segment: the kernel claims 512 times its size
		IPCPerm: IPCPerm{Key: 1, ID: 7, Mode: 0o600},
		Size:    2 << 20, CPid: 310, LPid: 315, NAttch: 1, ATime: 1795264242, CTime: 1795264241,
		RSS: 2 << 20, HasRSS: true,
	}, { // one byte more than a page takes two pages
		IPCPerm: IPCPerm{Key: 2, ID: 8, Mode: 0o600},
		Size:    4097, CPid: 310, LPid: 315, NAttch: 1, ATime: 1795264242, CTime: 1795264241,
		RSS: 8192, HasRSS: true,
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if !got[1].Dest() || !got[1].Locked() || got[1].Perms() != 0o600 || got[0].Dest() || got[0].Locked() {
		t.Errorf("status bits of modes %o and %o", got[1].Mode, got[0].Mode)
	}
}

func TestParseShmOfOldKernel(t *testing.T) {
	got, err := parseTable(oldShmLines, shmRow)
	want := []ShmSegment{{
		IPCPerm: IPCPerm{Key: 0x1234, ID: 3, Mode: 0o644},
		Size:    4096, CPid: 310, LPid: 310, DTime: 1795264242, CTime: 1795264241,
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestParseEmptyTable(t *testing.T) {
	for _, data := range []string{"", msgHead, msgHead[:len(msgHead)-1]} {
		if got, err := parseTable(data, msgRow); len(got) != 0 || err != nil {
			t.Errorf("rows of %q = %v, %v", data, got, err)
		}
	}
}

func TestParseMalformed(t *testing.T) {
	for name, line := range map[string]string{
		"empty line":            "\n",
		"too few fields":        "1 2 600 250 0 0 0 0 0",
		"letters":               "1 2 600 x 0 0 0 0 0 0",
		"digit beyond octal":    "1 2 680 250 0 0 0 0 0 0",
		"negative id":           "1 -2 600 250 0 0 0 0 0 0",
		"lone minus":            "- 2 600 250 0 0 0 0 0 0",
		"key beyond 32 bits":    "2147483648 2 600 250 0 0 0 0 0 0",
		"count beyond 64 bits":  "1 2 600 18446744073709551616 0 0 0 0 0 0",
		"uid beyond 32 bits":    "1 2 600 250 4294967296 0 0 0 0 0",
		"time beyond 64 bits":   "1 2 600 250 0 0 0 0 9223372036854775808 0",
		"no blank after number": "1 2 600 250 0 0 0 0 0 0\t1",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parseTable(semLines+line, semRow); !errors.Is(err, scan.ErrMalformed) || len(got) != 1 {
				t.Errorf("%d rows, error %v; want the row above and %v", len(got), err, scan.ErrMalformed)
			}
		})
	}
}

func TestParseExtremes(t *testing.T) {
	got, err := parseTable(semHead+
		"-2147483648 2147483647 37777777777 18446744073709551615 4294967295 0 0 0 -9223372036854775808 "+
		"9223372036854775807",
		semRow)
	want := []SemSet{{
		IPCPerm: IPCPerm{Key: 1 << 31, ID: math.MaxInt32, UID: math.MaxUint32, Mode: math.MaxUint32},
		NSems:   math.MaxUint64, OTime: math.MinInt64, CTime: math.MaxInt64,
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestLineWithoutEnd(t *testing.T) {
	got, err := parseTable(semLines+strings.Repeat("1", 1<<20), semRow)
	if len(got) != 1 || !errors.Is(err, scan.ErrMalformed) {
		t.Errorf("%d rows, error %v", len(got), err)
	}
}

// parseTable reads a whole text.
func parseTable[T any](text string, row func(*scan.Numbers, *T)) ([]T, error) {
	t := table[T]{row: row}
	err := t.read(strings.NewReader(text))
	return t.rows, err
}

// A parser must not panic. It must return only rows of the text. The result must not depend on the size of the reads.
func fuzzTable[T comparable](f *testing.F, row func(*scan.Numbers, *T), seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
		f.Add(seed[:len(seed)/2])
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseTable(text, row)
		if len(rows) > strings.Count(text, "\n") {
			t.Errorf("%d rows from %q", len(rows), text)
		}
		if err != nil && !errors.Is(err, scan.ErrMalformed) {
			t.Errorf("error %v", err)
		}
		pieces := table[T]{row: row}
		again := pieces.read(iotest.OneByteReader(strings.NewReader(text)))
		if !slices.Equal(rows, pieces.rows) || (err == nil) != (again == nil) {
			t.Errorf("byte by byte: %v, %v; at once: %v, %v", pieces.rows, again, rows, err)
		}
	})
}

func FuzzParseMsg(f *testing.F) { fuzzTable(f, msgRow, msgLines) }
func FuzzParseSem(f *testing.F) { fuzzTable(f, semRow, semLines) }
func FuzzParseShm(f *testing.F) { fuzzTable(f, shmRow, shmLines, oldShmLines) }
