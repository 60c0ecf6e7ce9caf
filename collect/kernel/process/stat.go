package process

import (
	"bytes"
	"math"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/scan"
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

// pfKthread marks a kernel thread (include/linux/sched.h).
const pfKthread = 0x00200000

// KernelThread is true for a kernel thread.
func (s *ProcStat) KernelThread() bool { return s.Flags&pfKthread != 0 }

// pfForkNoExec marks a process that has run no program since its fork (include/linux/sched.h).
const pfForkNoExec = 0x00000040

// Forked is true if the process has run no program since its fork (execve(2)). Its memory is a copy of the parent's
// memory at the fork.
func (s *ProcStat) Forked() bool { return s.Flags&pfForkNoExec != 0 }

// ParseProcStat reads /proc/PID/stat. comm stands in parentheses. It may hold any byte, even parentheses, blanks and
// newlines. So the last ')' ends it.
func ParseProcStat(text []byte) (ProcStat, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return ProcStat{}, scan.ErrShort
	}
	pid, ok := scan.Atoi(bytes.TrimSpace(text[:open]))
	if !ok {
		return ProcStat{}, scan.ErrShort
	}
	s := ProcStat{PID: pid, Comm: string(text[open+1 : end])}
	f := scan.Fields{Rest: text[end+1:]}
	state := f.Next()
	if len(state) != 1 {
		return ProcStat{}, scan.ErrShort
	}
	s.State = state[0]
	s.PPID, s.PGID, s.SID, s.TTY = f.Int(), f.Int(), f.Int(), f.Int()
	f.Skip(1) // tpgid
	s.Flags = f.Uint()
	f.Skip(4) // faults
	s.UTime, s.STime = f.Uint(), f.Uint()
	f.Skip(3) // cutime cstime priority
	s.Nice, s.Threads = f.Int(), f.Int()
	f.Skip(1) // itrealvalue
	s.Start = f.Uint()
	f.Skip(1) // vsize
	s.RSS = int64(f.Int())
	if f.Bad {
		return ProcStat{}, scan.ErrShort
	}
	f.Skip(15) // rsslim … processor
	if prio, policy := f.Int(), f.Int(); !f.Bad {
		s.RTPrio, s.Policy, s.HasPolicy = prio, policy, true
	}
	return s, nil
}

// ProcStatus holds some fields of /proc/PID/status. Ids are real, effective, saved, file system.
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
		case "Groups": // the line after the other ids
			if s.Groups, ok = groupList(rest); !ok || found != 2 {
				return ProcStatus{}, scan.ErrShort
			}
			return s, nil
		default:
			continue
		}
		f := scan.Fields{Rest: rest}
		for i := range ids {
			id := f.Uint()
			ids[i], f.Bad = uint32(id), f.Bad || id > math.MaxUint32
		}
		if f.Bad {
			return ProcStatus{}, scan.ErrShort
		}
		found++
	}
	if found < 2 {
		return ProcStatus{}, scan.ErrShort
	}
	return s, nil
}

// groupList reads the numbers after "Groups:".
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

// hexFields reads the lines "Name:\t0123456789abcdef" of /proc/PID/status, which are sets of bits. It fills the names
// in into, and counts them.
func hexFields(text []byte, into map[string]*uint64) (found int, err error) {
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(":\t"))
		set, ok := into[string(name)]
		if !ok {
			continue
		}
		if *set, err = strconv.ParseUint(string(bytes.TrimSpace(rest)), 16, 64); err != nil {
			return found, scan.ErrShort
		}
		found++
	}
	return found, nil
}
