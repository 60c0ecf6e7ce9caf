package actions

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// victim is the process of a step: held open from the plan to the deed, with the program that the plan showed.
type victim struct {
	ref    schema.Ref
	handle *process.Handle // nil: the plan has too many processes to hold them all
	shown  process.Program
	pidfs  uint64 // inode number in pidfs, for a victim without a handle; 0: the kernel gives none
}

// openVictim opens the process of a Ref. The error is proc.ErrReused if another process has its pid.
func (s *survey) openVictim(r schema.Ref) (*victim, process.ProcStat, error) {
	h, err := s.admin.OpenProcess(int(r.ID))
	if err != nil {
		return nil, process.ProcStat{}, err
	}
	v := &victim{ref: r, handle: h}
	stat, program, err := v.look(h)
	if err != nil {
		h.Close()
		return nil, process.ProcStat{}, err
	}
	v.shown = program
	return v, stat, nil
}

// look reads the process, and compares its start time with the Ref.
func (v *victim) look(h *process.Handle) (process.ProcStat, process.Program, error) {
	text, err := h.Read("stat", nil)
	if err != nil {
		return process.ProcStat{}, process.Program{}, err
	}
	stat, err := proc.StatFrom(h.Dir, text)
	if err != nil {
		return process.ProcStat{}, process.Program{}, err
	}
	if proc.RefOf(&stat) != v.ref {
		return process.ProcStat{}, process.Program{}, proc.ErrReused
	}
	program, err := process.ProgramOf(h.Dir, text)
	return stat, program, err
}

// keep holds the process until the plan is closed, if the plan has room for one more descriptor. If there is no room,
// the deed finds the process again by its pid. The pidfs inode, or else the start time, then tells it from another one.
func (s *survey) keep(v *victim) {
	if s.room > 0 {
		s.room--
		h := v.handle
		s.plan.hold(h.Close)
		return
	}
	says := "their inode in pidfs"
	var ok bool
	if v.pidfs, ok = v.handle.PidfsInode(); !ok {
		says = "their start time (in units of 10 ms)"
	}
	s.note("the limit of open files (RLIMIT_NOFILE) leaves no room to hold all these processes: the others are found " +
		"again by pid and " + says)
	v.handle.Close()
	v.handle = nil
}

// open returns the handle. A process that the plan does not hold is found again by its pid; release closes it.
func (v *victim) open(s *survey) (h *process.Handle, release func(), err error) {
	if v.handle != nil {
		return v.handle, func() {}, nil
	}
	if h, err = s.admin.OpenProcess(int(v.ref.ID)); err != nil {
		return nil, nil, err
	}
	if ino, ok := h.PidfsInode(); ok && v.pidfs != 0 && ino != v.pidfs {
		h.Close()
		return nil, nil, proc.ErrReused
	}
	return h, func() { h.Close() }, nil
}

// signal reads the process for the last time, compares, and sends the signal.
func (v *victim) signal(s *survey, sig syscall.Signal) error {
	h, release, err := v.open(s)
	if err != nil {
		return err
	}
	defer release()
	stat, now, err := v.look(h)
	switch {
	case v.handle != nil && sys.Gone(err):
		return errEnded
	case err != nil:
		return err
	case stat.State == 'Z' || stat.State == 'X':
		return errEnded
	case now != v.shown:
		return programChange(v.shown, now)
	}
	if err := h.Signal(sig); !sys.Gone(err) {
		return err
	}
	return errEnded
}

const errEnded = goneError("it has ended meanwhile")

// programChange tells in words that a process runs another program than before.
func programChange(was, is process.Program) error {
	e := &changedError{}
	if was.Comm != is.Comm {
		e.what = append(e.what, fmt.Sprintf("its name was %s, is %s", was.Comm, is.Comm))
	}
	if was.Exe != is.Exe {
		e.what = append(e.what, fmt.Sprintf("it ran %s, runs %s", program(was.Exe), program(is.Exe)))
	}
	if len(e.what) == 0 {
		e.what = append(e.what, "it has started its program anew (execve)")
	}
	return e
}

func program(exe string) string {
	if exe == "" {
		return "a program that cannot be read"
	}
	return exe
}

// spareFDs are descriptors that a plan leaves to the rest of ipctop: the walk, the journal, the terminal.
const spareFDs = 256

// outside is true if the error means that no signal from here reaches the process.
func outside(err error) bool { return errors.Is(err, process.ErrOutside) }
