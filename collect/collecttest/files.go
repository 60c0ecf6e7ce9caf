package collecttest

import (
	"strings"
	"syscall"
	"testing"
)

// Files is a machine whose processes share files: a POSIX queue, shared memory, a semaphore, memfds, a mapped file. The
// user who runs the test owns the files. They are as old as the test.
func Files(tb testing.TB) *Machine {
	m := New(tb)
	m.WriteMode("/dev/mqueue/jobs", 0o644, "QSIZE:129        NOTIFY:0     SIGNO:10    NOTIFY_PID:220   \n")
	m.WriteMode("/dev/shm/cache", 0o640, "some shared memory\n")
	m.WriteMode("/dev/shm/sem.gate", 0o600, "\x02\x00\x00\x00\x01\x00\x00\x00\x80"+strings.Repeat("\x00", 23))
	m.WriteMode("/var/lib/app/index", 0o640, "an index\n")
	m.Process(Process{PID: 220, PPID: 1, PGID: 220, SID: 220, Comm: "filed", Args: []string{"filed"},
		FDs: map[int]FD{3: {"/jobs", syscall.O_RDONLY}, 4: {"/memfd:ring (deleted)", syscall.O_RDWR}},
		Maps: []string{
			"7f0000900000-7f0000901000 rw-s 00000000 00:1b 11 /dev/shm/sem.gate",
			"7f0000a00000-7f0000a01000 r--s 00000000 00:1b 12 /dev/shm/cache",
			"7f0000b00000-7f0000b10000 rw-s 00000000 00:01 1030 /memfd:ring (deleted)",
			"7f0000c00000-7f0000c01000 rw-s 00000000 00:01 1031 /dev/zero (deleted)",
			"7f0000d00000-7f0000d02000 rw-s 00000000 08:01 99 /var/lib/app/index",
			"7f0000d02000-7f0000d03000 r--s 00002000 08:01 99 /var/lib/app/index",
		}})
	m.Process(Process{PID: 221, PPID: 220, PGID: 220, SID: 220, Comm: "filed", Args: []string{"filed: worker"},
		Maps: []string{
			"7f0000c00000-7f0000c01000 rw-s 00000000 00:01 1031 /dev/zero (deleted)",
			"7f0000d00000-7f0000d02000 r--s 00000000 08:01 99 /var/lib/app/index",
			"7f0000e00000-7f0000e01000 r--s 00000000 08:01 100 /usr/share/alone",
		}})
	return m
}
