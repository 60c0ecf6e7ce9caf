package fdinfo

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// FileLock is one line of /proc/locks (proc_locks(5)), or of a "lock:" line in fdinfo. Two lines may be equal: two
// descriptions that one process opened, each with a shared lock.
type FileLock struct {
	Class string // FLOCK, POSIX, OFDLCK, LEASE, DELEG
	State string // ADVISORY; of leases ACTIVE, BREAKING, and BREAKER for an open that waits
	Mode  string // READ, WRITE; of leases UNLCK as well
	// who took it; -1 for OFDLCK, 0 outside the reader's pid namespace. The taker of a FLOCK or OFDLCK may be gone while
	// another holds it
	PID   int
	Dev   uint64 // as st_dev has it; 0 as Ino of a BREAKER, which has no open file yet
	Ino   uint64
	Start uint64 // first byte
	End   uint64 // last byte; EOF: up to the file's end wherever it is
}

// EOF is the End of a lock that grows with its file.
const EOF = math.MaxUint64

// Range is "0-99" or "0-EOF".
func (l *FileLock) Range() string {
	if l.End == EOF {
		return strconv.FormatUint(l.Start, 10) + "-EOF"
	}
	return strconv.FormatUint(l.Start, 10) + "-" + strconv.FormatUint(l.End, 10)
}

// HeldLock is a lock with the requests that wait for it.
type HeldLock struct {
	FileLock
	Waiters []FileLock // in the kernel's order; one that waits for another waiter stands behind it
}

// Locks reads /proc/locks. Outside of the first pid namespace, locks that were taken by processes which have ended or
// are not in it are left out, with all who wait for them (locks_show, fs/locks.c). The error tells of lines that
// could not be read; the others are there.
func Locks(root sys.Root) ([]HeldLock, error) {
	text, err := root.ReadFile("/proc/locks")
	if err != nil {
		return nil, err
	}
	locks, err := ParseLocks(text)
	if err != nil {
		err = fmt.Errorf("read /proc/locks: %w", err)
	}
	return locks, err
}

// ParseLocks reads /proc/locks: "N: CLASS STATE MODE PID MAJ:MIN:INO START END", with "->" after the number of a
// request that waits for the lock above it (lock_get_status, fs/locks.c). An error tells the first line that is no
// such; the others are there.
func ParseLocks(text []byte) ([]HeldLock, error) {
	var locks []HeldLock
	var bad error
	n := 0
	for line := range bytes.Lines(text) {
		n++
		lock, waits, err := parseLock(line)
		if err == nil && waits && len(locks) == 0 {
			err = scan.ErrShort // it waits for a lock that is not there
		}
		switch {
		case err != nil && bad == nil:
			bad = fmt.Errorf("line %d: %w", n, err)
		case err != nil:
		case !waits:
			locks = append(locks, HeldLock{FileLock: lock})
		default:
			last := &locks[len(locks)-1]
			last.Waiters = append(last.Waiters, lock)
		}
	}
	return locks, bad
}

// ParseFDInfoLocks reads the "lock:" lines of fdinfo: the locks that belong to this descriptor's description, of
// POSIX ones those of this process. Lines that cannot be read are passed over.
func ParseFDInfoLocks(text []byte) []FileLock {
	var locks []FileLock
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("lock:\t")); ok {
			if lock, waits, err := parseLock(rest); err == nil && !waits {
				locks = append(locks, lock)
			}
		}
	}
	return locks
}

func parseLock(line []byte) (l FileLock, waits bool, err error) {
	if len(line) == 0 || line[len(line)-1] != '\n' {
		return FileLock{}, false, scan.ErrShort
	}
	f := scan.Fields{Rest: line}
	if number := f.Next(); len(number) < 2 || number[len(number)-1] != ':' {
		return FileLock{}, false, scan.ErrShort
	}
	class := f.Next()
	if string(class) == "->" {
		waits, class = true, f.Next()
	}
	l.Class, l.State, l.Mode = string(class), string(f.Next()), string(f.Next())
	l.PID = f.Int()
	file := f.Next()
	l.Start = f.Uint()
	end := f.Next()
	if ok := l.parseFile(file); !ok || f.Bad {
		return FileLock{}, false, scan.ErrShort
	}
	if l.End = EOF; string(end) != "EOF" {
		if l.End, err = strconv.ParseUint(string(end), 10, 63); err != nil {
			return FileLock{}, false, scan.ErrShort
		}
	}
	return l, waits, nil
}

// parseFile reads "major:minor:inode", the first two in hexadecimal, or "<none>:0".
func (l *FileLock) parseFile(file []byte) bool {
	if string(file) == "<none>:0" {
		return true
	}
	major, rest, ok := bytes.Cut(file, []byte(":"))
	minor, ino, ok2 := bytes.Cut(rest, []byte(":"))
	a, err := strconv.ParseUint(string(major), 16, 32)
	b, err2 := strconv.ParseUint(string(minor), 16, 32)
	n, err3 := strconv.ParseUint(string(ino), 10, 64)
	l.Dev, l.Ino = unix.Mkdev(uint32(a), uint32(b)), n
	return ok && ok2 && err == nil && err2 == nil && err3 == nil
}
