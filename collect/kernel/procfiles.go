package kernel

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// ProcStat is /proc/PID/stat (proc_pid_stat(5)).
type ProcStat struct {
	PID, PPID, PGID, SID int
	Comm                 string // up to 15 bytes, any bytes
	State                byte   // ps's letter: R S D T t Z X I
	TTY                  int    // device number, 0: none
	Flags                uint64 // PF_* of include/linux/sched.h
	UTime, STime         uint64 // clock ticks (1/100 s)
	Nice                 int
	Threads              int
	Start                uint64 // clock ticks since boot
	RSS                  int64  // pages
	RTPrio, Policy       int    // real-time priority, scheduling policy (SCHED_*); if HasPolicy
	HasPolicy            bool
}

// ClockTick is how many clock ticks a second has in /proc: USER_HZ, 100 on amd64 and arm64.
const ClockTick = 100

// pfKthread marks a kernel thread (include/linux/sched.h).
const pfKthread = 0x00200000

// KernelThread says whether the process is a kernel thread.
func (s *ProcStat) KernelThread() bool { return s.Flags&pfKthread != 0 }

// pfForkNoExec marks a process that has run no program since it was forked (include/linux/sched.h).
const pfForkNoExec = 0x00000040

// Forked says whether the process has run no program since it was forked (execve(2)): it has the memory that its parent had then.
func (s *ProcStat) Forked() bool { return s.Flags&pfForkNoExec != 0 }

// errShort is what every parser here says of a line that ends too early.
var errShort = errors.New("truncated or malformed line")

// ParseProcStat reads /proc/PID/stat. comm stands in parentheses and may hold any byte, parentheses, blanks and newlines
// among them: the last ')' ends it.
func ParseProcStat(text []byte) (ProcStat, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return ProcStat{}, errShort
	}
	pid, ok := atoi(bytes.TrimSpace(text[:open]))
	if !ok {
		return ProcStat{}, errShort
	}
	s := ProcStat{PID: pid, Comm: string(text[open+1 : end])}
	f := fields{rest: text[end+1:]}
	state := f.next()
	if len(state) != 1 {
		return ProcStat{}, errShort
	}
	s.State = state[0]
	s.PPID, s.PGID, s.SID, s.TTY = f.int(), f.int(), f.int(), f.int()
	f.skip(1) // tpgid
	s.Flags = f.uint()
	f.skip(4) // faults
	s.UTime, s.STime = f.uint(), f.uint()
	f.skip(3) // cutime cstime priority
	s.Nice, s.Threads = f.int(), f.int()
	f.skip(1) // itrealvalue
	s.Start = f.uint()
	f.skip(1) // vsize
	s.RSS = int64(f.int())
	if f.bad {
		return ProcStat{}, errShort
	}
	f.skip(15) // rsslim … processor
	if prio, policy := f.int(), f.int(); !f.bad {
		s.RTPrio, s.Policy, s.HasPolicy = prio, policy, true
	}
	return s, nil
}

// ProcStatus is what ipctop takes from /proc/PID/status: ids as real, effective, saved, file system.
type ProcStatus struct {
	UID, GID [4]uint32
	Groups   []uint32 // supplementary groups
}

// ParseProcStatus reads /proc/PID/status.
func ParseProcStatus(text []byte) (ProcStatus, error) {
	var s ProcStatus
	found := 0
	for line := range bytes.Lines(text) {
		name, rest, ok := bytes.Cut(line, []byte(":\t"))
		if !ok {
			continue
		}
		var ids *[4]uint32
		switch string(name) {
		case "Uid":
			ids = &s.UID
		case "Gid":
			ids = &s.GID
		case "Groups": // behind the others
			if s.Groups, ok = groupList(rest); !ok || found != 2 {
				return ProcStatus{}, errShort
			}
			return s, nil
		default:
			continue
		}
		f := fields{rest: rest}
		for i := range ids {
			id := f.uint()
			ids[i], f.bad = uint32(id), f.bad || id > math.MaxUint32
		}
		if f.bad {
			return ProcStatus{}, errShort
		}
		found++
	}
	if found < 2 {
		return ProcStatus{}, errShort
	}
	return s, nil
}

// groupList reads the numbers behind "Groups:".
func groupList(text []byte) (groups []uint32, ok bool) {
	for word := range bytes.FieldsSeq(text) {
		id, err := strconv.ParseUint(string(word), 10, 32)
		if err != nil {
			return nil, false
		}
		groups = append(groups, uint32(id))
	}
	return groups, true
}

// hexFields reads "Name:\t0123456789abcdef" lines as /proc/PID/status has them for sets of bits, and counts those that into names.
func hexFields(text []byte, into map[string]*uint64) (found int, err error) {
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(":\t"))
		set, ok := into[string(name)]
		if !ok {
			continue
		}
		if *set, err = strconv.ParseUint(string(bytes.TrimSpace(rest)), 16, 64); err != nil {
			return found, errShort
		}
		found++
	}
	return found, nil
}

// fields walks blank-separated fields; bad is set by the first that is missing or no number.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) next() []byte {
	f.rest = bytes.TrimLeft(f.rest, " \t\n")
	i := bytes.IndexAny(f.rest, " \t\n")
	if i < 0 {
		i = len(f.rest)
	}
	field := f.rest[:i]
	f.rest = f.rest[i:]
	if len(field) == 0 {
		f.bad = true
	}
	return field
}

func (f *fields) skip(n int) {
	for range n {
		f.next()
	}
}

func (f *fields) int() int {
	n, err := strconv.ParseInt(string(f.next()), 10, 64)
	f.bad = f.bad || err != nil
	return int(n)
}

func (f *fields) uint() uint64 {
	n, err := strconv.ParseUint(string(f.next()), 10, 64)
	f.bad = f.bad || err != nil
	return n
}

func (f *fields) hex() uint64 {
	n, err := strconv.ParseUint(string(f.next()), 16, 64)
	f.bad = f.bad || err != nil
	return n
}

// LinkInode takes the number out of a link's text such as "pipe:[8841]", "socket:[12]" or "ipc:[4026531839]".
func LinkInode(target []byte) (uint64, bool) {
	open := bytes.IndexByte(target, '[')
	if open < 1 || target[len(target)-1] != ']' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(target[open+1:len(target)-1]), 10, 64)
	return n, err == nil
}

func fdinfoFlags(text []byte) (int, bool) {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(rest)), 8, 64)
			return int(n), err == nil
		}
	}
	return 0, false
}
