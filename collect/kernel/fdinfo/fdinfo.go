package fdinfo

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// EventFD is what fdinfo says of an eventfd (eventfd_show_fdinfo, fs/eventfd.c).
type EventFD struct {
	Count     uint64
	ID        uint64 // the same in every process that has it; meaningless unless HasID
	HasID     bool   // kernels since 5.2
	Semaphore bool   // EFD_SEMAPHORE: read takes 1 rather than all; unknown unless HasMode
	HasMode   bool   // kernels since 6.5
}

// ParseEventFD reads fdinfo. The count is hexadecimal.
func ParseEventFD(text []byte) (EventFD, error) {
	var e EventFD
	var ok bool
	if e.Count, ok = Uint(text, "eventfd-count", 16); !ok {
		return EventFD{}, scan.ErrShort
	}
	id, ok := Int(text, "eventfd-id")
	if ok && id >= 0 {
		e.ID, e.HasID = uint64(id), true
	}
	semaphore, ok := Int(text, "eventfd-semaphore")
	e.Semaphore, e.HasMode = semaphore == 1, ok
	return e, nil
}

// ParseSignalFD reads the set of signals that a signalfd takes.
func ParseSignalFD(text []byte) (sys.SignalSet, error) {
	bits, ok := Uint(text, "sigmask", 16)
	if !ok {
		return 0, scan.ErrShort
	}
	return sys.SignalSet(bits), nil
}

// TimerFD is what fdinfo says of a timerfd (timerfd_show, fs/timerfd.c).
type TimerFD struct {
	Clock     int // CLOCK_*
	Ticks     uint64
	Flags     int           // TFD_TIMER_ABSTIME 1, TFD_TIMER_CANCEL_ON_SET 2
	Remaining time.Duration // until it next expires; 0: not armed
	Interval  time.Duration // 0: it expires once
}

// ParseTimerFD reads fdinfo. The remaining time is always relative, whatever the timer was set to.
func ParseTimerFD(text []byte) (TimerFD, error) {
	clock, ok := Int(text, "clockid")
	ticks, ok2 := Uint(text, "ticks", 10)
	flags, ok3 := Uint(text, "settime flags", 8)
	if !ok || !ok2 || !ok3 || clock < 0 || clock > math.MaxInt32 || flags > math.MaxInt32 {
		return TimerFD{}, scan.ErrShort
	}
	t := TimerFD{Clock: int(clock), Ticks: ticks, Flags: int(flags)}
	if t.Remaining, ok = infoTime(text, "it_value"); !ok {
		return TimerFD{}, scan.ErrShort
	}
	if t.Interval, ok = infoTime(text, "it_interval"); !ok {
		return TimerFD{}, scan.ErrShort
	}
	return t, nil
}

// infoTime reads "(seconds, nanoseconds)". What a Duration cannot hold becomes its largest value, 292 years.
func infoTime(text []byte, name string) (time.Duration, bool) {
	value, ok := scan.Line(text, name)
	value, ok2 := bytes.CutPrefix(value, []byte("("))
	value, ok3 := bytes.CutSuffix(value, []byte(")"))
	sec, nsec, ok4 := bytes.Cut(value, []byte(", "))
	s, err := strconv.ParseUint(string(sec), 10, 63)
	n, err2 := strconv.ParseUint(string(nsec), 10, 30)
	if !ok || !ok2 || !ok3 || !ok4 || err != nil || err2 != nil || n >= uint64(time.Second) {
		return 0, false
	}
	if s >= math.MaxInt64/uint64(time.Second) {
		return math.MaxInt64, true
	}
	return time.Duration(s)*time.Second + time.Duration(n), true
}

// EpollTarget is one descriptor that an epoll instance watches (ep_show_fdinfo, fs/eventpoll.c).
type EpollTarget struct {
	FD       int    // its number in the process that added it
	Events   uint32 // EPOLL*
	Dev, Ino uint64 // of what it leads to, Dev as st_dev has it; unknown unless HasFile
	HasFile  bool   // kernels since 4.18
}

// ParseEpoll reads the "tfd:" lines. Those that cannot be read are passed over.
func ParseEpoll(text []byte) []EpollTarget {
	var targets []EpollTarget
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("tfd:"))
		if !ok || line[len(line)-1] != '\n' {
			continue
		}
		f := scan.Fields{Rest: rest}
		t := EpollTarget{FD: f.Int()}
		f.Skip(1) // events:
		t.Events = uint32(f.Hex())
		if f.Bad || t.FD < 0 || t.FD > math.MaxInt32 {
			continue
		}
		_, place, ok := bytes.Cut(rest, []byte(" ino:"))
		if ino, dev, ok2 := bytes.Cut(place, []byte(" sdev:")); ok && ok2 {
			number, bad := strconv.ParseUint(string(ino), 16, 64)
			sdev, bad2 := strconv.ParseUint(string(bytes.TrimSpace(dev)), 16, 32)
			if bad == nil && bad2 == nil {
				t.Ino, t.Dev, t.HasFile = number, kernelDev(sdev), true
			}
		}
		targets = append(targets, t)
	}
	return targets
}

// kernelDev turns the kernel's own dev_t, 12 bits major and 20 minor (include/linux/kdev_t.h), into st_dev.
func kernelDev(dev uint64) uint64 { return unix.Mkdev(uint32(dev>>20), uint32(dev&0xfffff)) }

// InotifyWatch is an inode that an inotify instance watches (inotify_fdinfo, fs/notify/fdinfo.c).
type InotifyWatch struct {
	WD       int
	Dev, Ino uint64 // Dev as st_dev has it
	Mask     uint32 // IN_*
}

// ParseInotify reads the "inotify wd:" lines. Those that cannot be read are passed over.
func ParseInotify(text []byte) []InotifyWatch {
	var watches []InotifyWatch
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("inotify "))
		if !ok {
			continue
		}
		f := scan.Fields{Rest: rest}
		var w InotifyWatch
		wd, ino, dev, mask := f.Named("wd:"), f.Named("ino:"), f.Named("sdev:"), f.Named("mask:")
		if f.Bad || wd > math.MaxInt32 || dev > math.MaxUint32 || mask > math.MaxUint32 {
			continue
		}
		w.WD, w.Ino, w.Dev, w.Mask = int(wd), ino, kernelDev(dev), uint32(mask)
		watches = append(watches, w)
	}
	return watches
}

// PidFD is what fdinfo says of a pidfd (pidfd_show_fdinfo, fs/pidfs.c).
type PidFD struct {
	PID   int   // in the reader's pid namespace: 0 outside of it, -1 after the process was reaped
	NSPID []int // its pids from the reader's namespace inwards; empty on kernels without pid namespaces
}

// ParsePidFD reads fdinfo.
func ParsePidFD(text []byte) (PidFD, error) {
	pid, ok := Int(text, "Pid")
	if !ok || pid < -1 || pid > math.MaxInt32 {
		return PidFD{}, scan.ErrShort
	}
	p := PidFD{PID: int(pid)}
	value, _ := scan.Line(text, "NSpid")
	for word := range bytes.FieldsSeq(value) {
		n, err := strconv.ParseInt(string(word), 10, 32)
		if err != nil {
			return PidFD{}, scan.ErrShort
		}
		p.NSPID = append(p.NSPID, int(n))
	}
	return p, nil
}

// IOUring is what fdinfo says of an io_uring instance (io_uring_show_fdinfo, io_uring/fdinfo.c). Its rings belong to
// the process: what they say may be wrong.
type IOUring struct {
	SQEntries, CQEntries uint32 // sizes of the submission and completion rings
	SQPending            uint32 // submitted by the process, not yet taken by the kernel
	CQPending            uint32 // completed by the kernel, not yet seen by the process
	SQThread             int    // kernel thread that polls the submission ring (IORING_SETUP_SQPOLL); -1: none
	UserFiles, UserBufs  int    // registered files and buffers
}

// ParseIOUring reads fdinfo of kernels since 5.19; older ones do not tell the rings' masks.
func ParseIOUring(text []byte) (IOUring, error) {
	sq, ok := infoMask(text, "SqMask")
	cq, ok2 := infoMask(text, "CqMask")
	sqHead, ok3 := Uint(text, "SqHead", 10)
	sqTail, ok4 := Uint(text, "SqTail", 10)
	cqHead, ok5 := Uint(text, "CqHead", 10)
	cqTail, ok6 := Uint(text, "CqTail", 10)
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return IOUring{}, scan.ErrShort
	}
	u := IOUring{SQEntries: sq + 1, CQEntries: cq + 1, SQPending: uint32(sqTail - sqHead),
		CQPending: uint32(cqTail - cqHead), SQThread: -1}
	// Another's use of the ring at this moment hides the rest.
	if thread, ok := Int(text, "SqThread"); ok {
		u.SQThread = int(thread)
	}
	files, _ := Uint(text, "UserFiles", 10)
	bufs, _ := Uint(text, "UserBufs", 10)
	u.UserFiles, u.UserBufs = int(files), int(bufs)
	return u, nil
}

// infoMask reads a ring's "0x7": its number of entries, less one.
func infoMask(text []byte, name string) (uint32, bool) {
	value, ok := scan.Line(text, name)
	digits, ok2 := bytes.CutPrefix(value, []byte("0x"))
	n, err := strconv.ParseUint(string(digits), 16, 31)
	return uint32(n), ok && ok2 && err == nil
}

// ParseTTYIndex reads which pseudoterminal a master belongs to (ptm_open_peer and tty_show_fdinfo, drivers/tty):
// kernels since 4.14.
func ParseTTYIndex(text []byte) (uint32, error) {
	index, ok := Uint(text, "tty-index", 10)
	if !ok || index > math.MaxUint32 {
		return 0, scan.ErrShort
	}
	return uint32(index), nil
}
