package sysv

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// The listings at the kernel's default limits: 32,000 queues, 32,000 sets, 4,096 segments. stat is one call for each
// index. proc is the file. plain reads the file in the simplest way (strings.Fields). All three give the same rows.

func benchmarkList[T any](b *testing.B, path string, rows, columns int, stat func() ([]T, bool),
	row func(*scan.Numbers, *T)) {
	h := sys.Root("")
	check := func(b *testing.B, n int, ok bool) {
		if n != rows || !ok {
			b.Fatalf("%d rows, want %d", n, rows)
		}
	}
	b.Run("stat", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			all, ok := stat()
			check(b, len(all), ok)
		}
	})
	b.Run("proc", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			all, err := readTable(h, path, rows, row)
			check(b, len(all), err == nil)
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			all, err := plainTable(path, columns)
			check(b, len(all), err == nil)
		}
	})
}

// plainTable reads a table of numbers in the simplest way.
func plainTable(path string, columns int) ([][]int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out [][]int64
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		row := make([]int64, 0, columns)
		for _, field := range strings.Fields(line) {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, err
			}
			row = append(row, n)
		}
		out = append(out, row)
	}
	return out, nil
}

func BenchmarkMsgQueues(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		const rows = 32000
		for i := range rows {
			if _, err := MsgGet(uint32(i+1), IPCCreat|IPCExcl|0o600); err != nil {
				b.Fatal(err)
			}
		}
		benchmarkList(b, procMsg, rows, 14, func() ([]MsgQueue, bool) {
			var info msginfo
			highest, err := msgctl(0, msgInfo, unsafe.Pointer(&info))
			return statAll(int(info.pool), highest, err, statMsg)
		}, msgRow)
	})
}

func BenchmarkSemSets(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		const rows = 32000
		for i := range rows {
			if _, err := SemGet(uint32(i+1), 1, IPCCreat|IPCExcl|0o600); err != nil {
				b.Fatal(err)
			}
		}
		benchmarkList(b, procSem, rows, 10, func() ([]SemSet, bool) {
			var info seminfo
			highest, err := semctl(0, 0, semInfo, unsafe.Pointer(&info))
			return statAll(int(info.usz), highest, err, statSem)
		}, semRow)
	})
}

func BenchmarkShmSegments(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		const rows = 4096
		for i := range rows {
			if _, err := ShmGet(uint32(i+1), 1, IPCCreat|IPCExcl|0o600); err != nil {
				b.Fatal(err)
			}
		}
		benchmarkList(b, procShm, rows, 16, func() ([]ShmSegment, bool) {
			var use shmUse
			highest, err := shmctl(0, shmInfo, unsafe.Pointer(&use))
			return statAll(int(use.used), highest, err, statShm)
		}, shmRow)
	})
}

// One queue at the last index: here /proc is cheaper.
func BenchmarkSparseQueue(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		if err := os.WriteFile("/proc/sys/kernel/msg_next_id", []byte("31999"), 0); err != nil {
			b.Fatal(err)
		}
		if _, err := MsgGet(1, IPCCreat|IPCExcl|0o600); err != nil {
			b.Fatal(err)
		}
		h := sys.Root("")
		b.Run("recipe", func(b *testing.B) {
			for b.Loop() {
				if all, err := MsgQueues(h, false); len(all) != 1 || err != nil {
					b.Fatal(all, err)
				}
			}
		})
		b.Run("stat", func(b *testing.B) {
			for b.Loop() {
				var q MsgQueue
				found := 0
				for i := range 32000 {
					if statMsg(i, &q) == nil {
						found++
					}
				}
				if found != 1 {
					b.Fatal(found)
				}
			}
		})
	})
}
