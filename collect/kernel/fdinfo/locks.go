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

// FileLock is one line of /proc/locks (proc_locks(5)), or a "lock:" line of fdinfo. Two lines may be equal: one
// process may open a file twice and take a shared lock through each description.
type FileLock struct {
	Class string // FLOCK, POSIX, OFDLCK, LEASE, DELEG
	State string // ADVISORY; leases: ACTIVE, BREAKING, and BREAKER for an open that waits
	Mode  string // READ, WRITE; leases also UNLCK
	// PID is the process that took the lock; -1 for OFDLCK, 0 for a process outside the reader's pid namespace. A FLOCK
	// or OFDLCK may have another holder after the end of this process.
	PID   int
	Dev   uint64 // an st_dev; a BREAKER has no open file yet, so its Dev and Ino are 0
	Ino   uint64
	Start uint64 // first byte
	End   uint64 // last byte; EOF: up to the file's end, also after it grows
}

// EOF is the End of a lock that grows with its file.
const EOF = math.MaxUint64

// Range is the range as text: "0-99" or "0-EOF".
func (l *FileLock) Range() string {
	if l.End == EOF {
		return strconv.FormatUint(l.Start, 10) + "-EOF"
	}
	return strconv.FormatUint(l.Start, 10) + "-" + strconv.FormatUint(l.End, 10)
}

// HeldLock is a lock, and the requests that wait for it.
type HeldLock struct {
	FileLock
	Waiters []FileLock // in the kernel's order; a request that waits for another request comes after it
}

// Locks reads /proc/locks. Outside of the first pid namespace the kernel leaves out locks whose taker has ended, or
// is outside the reader's namespace. It then leaves out the waiting requests as well (locks_show, fs/locks.c). An
// error names the first line that does not parse; the result has the other lines. If locks come and go while it reads,
// it reads several times: see readLocks.
func Locks(root sys.Root) ([]HeldLock, error) {
	texts, whole, err := readLocks(root, "/proc/locks")
	if err != nil {
		return nil, fmt.Errorf("read /proc/locks: %w", err)
	}
	pages := make([][]HeldLock, len(texts))
	for i, text := range texts {
		var bad error
		if pages[i], bad = ParseLocks(text); bad != nil && err == nil {
			err = fmt.Errorf("read /proc/locks: %w", bad)
		}
	}
	if whole {
		return pages[0], err
	}
	return mergeLocks(pages), err
}

// ParseLocks reads /proc/locks: "N: CLASS STATE MODE PID MAJ:MIN:INO START END". A request that waits for the lock
// above it has "->" after the number (lock_get_status, fs/locks.c). An error names the first line that does not
// parse; the result has the other lines.
func ParseLocks(text []byte) ([]HeldLock, error) {
	var locks []HeldLock
	var bad error
	n := 0
	for line := range bytes.Lines(text) {
		n++
		lock, waits, err := parseLock(line)
		if err == nil && waits && len(locks) == 0 {
			err = scan.ErrShort // the file lacks the lock that this request waits for
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

// ParseFDInfoLocks reads the "lock:" lines of fdinfo: the locks of the descriptor's open file description. POSIX
// locks are those of the descriptor's process. It leaves out lines that do not parse.
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
