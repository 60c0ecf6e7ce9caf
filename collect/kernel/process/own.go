package process

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// SelfPID is sys.SelfPID.
func SelfPID() int { return sys.SelfPID() }

// ForeignPIDs is sys.ForeignPIDs.
func ForeignPIDs() bool { return sys.ForeignPIDs() }

// ShownPID is the number in /proc of a process whose number in the caller's pid namespace is known, for example from
// shmctl. ok is false if /proc does not show both this process and the caller.
func ShownPID(own int) (shown int, ok bool) {
	if !sys.ForeignPIDs() {
		return own, true
	}
	fd, err := unix.PidfdOpen(own, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	self, err := Open(sys.Root(""), sys.SelfPID())
	if err != nil {
		return 0, false
	}
	defer self.Close()
	text, err := self.Read("fdinfo/"+strconv.Itoa(fd), nil)
	if err != nil {
		return 0, false
	}
	numbers, ok := lineNumbers(text, "Pid")
	if !ok || numbers[0] <= 0 { // 0: outside the pid namespace of /proc; -1: it has ended
		return 0, false
	}
	return numbers[0], true
}

// StillListed is true if a process that /proc listed still exists, even if hidepid hides what is in its directory.
func StillListed(pid int) bool {
	if sys.CheckPIDs() == nil {
		return ProcessExists(pid)
	}
	dir, err := Open(sys.Root(""), pid)
	if err != nil {
		return !sys.Gone(err)
	}
	defer dir.Close()
	_, err = dir.Read("stat", nil)
	return !sys.Gone(err)
}

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
