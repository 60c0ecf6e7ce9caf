package process

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// SelfPID is the pid of this process in the pid namespace of /proc; 0 if /proc does not show this process. Other system
// calls take and give numbers of the caller's own pid namespace.
func SelfPID() int {
	self, _ := os.Readlink("/proc/self")
	pid, _ := strconv.Atoi(self)
	return pid
}

// ForeignPIDs is true if /proc belongs to another pid namespace than the caller, or is no real /proc. Its numbers then
// mean other processes in system calls. Examples are unshare --pid without --mount-proc, and nsenter --pid.
func ForeignPIDs() bool { return SelfPID() != unix.Getpid() }

// Program names the program that a process runs, as far as /proc tells. Two Programs of one process differ if it called
// execve between them: execve gives the process a name, and a stack at a random address.
type Program struct {
	Comm string
	Exe  string // path; "" if it may not be read
	// CodeStart and StackStart are addresses: 0 for a process that the caller may not ptrace (proc_pid_stat(5)).
	CodeStart, StackStart uint64
}

// ProgramOf reads the program of a process from /proc/PID/exe and from stat, the text of /proc/PID/stat. It does not
// look at the executable itself, whose file server may be dead.
func ProgramOf(p Dir, stat []byte) (Program, error) {
	s, err := ParseProcStat(stat)
	if err != nil {
		return Program{}, err
	}
	f := scan.Fields{Rest: stat[bytes.LastIndexByte(stat, ')')+1:]}
	f.Skip(23) // state … rsslim
	code := f.Uint()
	f.Skip(1) // endcode
	stack := f.Uint()
	if f.Bad {
		return Program{}, scan.ErrShort
	}
	exe, err := p.Readlink("exe")
	if err != nil {
		exe = ""
	}
	return Program{Comm: s.Comm, Exe: exe, CodeStart: code, StackStart: stack}, nil
}

// lineNumbers reads the numbers of a line "name: 12 3" of a text of /proc.
func lineNumbers(text []byte, name string) (numbers []int, ok bool) {
	for line := range bytes.Lines(text) {
		rest, found := bytes.CutPrefix(line, []byte(name+":"))
		if !found {
			continue
		}
		for _, word := range bytes.Fields(rest) {
			n, err := strconv.Atoi(string(word))
			if err != nil {
				return nil, false
			}
			numbers = append(numbers, n)
		}
		return numbers, len(numbers) > 0
	}
	return nil, false
}
