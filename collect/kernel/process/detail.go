package process

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Capabilities are the capability sets of a process from /proc/PID/status (man 7 capabilities).
type Capabilities struct {
	Inheritable, Permitted, Effective, Bounding, Ambient CapabilitySet
}

// CapabilitySet has bit n set for capability n.
type CapabilitySet uint64

// ParseNSPids reads the NSpid line of /proc/PID/status (Linux 4.1). It has one pid for each pid namespace of the
// process. The first is for the namespace of the reader's /proc, the last for the process's own namespace.
func ParseNSPids(text []byte) ([]int, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("NSpid:\t"))
		if !ok {
			continue
		}
		var pids []int
		for word := range bytes.FieldsSeq(rest) {
			pid, ok := scan.Atoi(word)
			if !ok {
				return nil, scan.ErrShort
			}
			pids = append(pids, pid)
		}
		return pids, nil
	}
	return nil, scan.ErrShort
}

// IDMap is /proc/PID/uid_map or gid_map (user_namespaces(7)), read from our user namespace.
type IDMap []IDRange

// IDRange maps Count ids. The ids begin at Inside in the namespace, and at Outside in ours.
type IDRange struct{ Inside, Outside, Count uint32 }

// ParseIDMap reads the lines "inside outside count".
func ParseIDMap(text []byte) (IDMap, error) {
	var m IDMap
	for line := range bytes.Lines(text) {
		f := scan.Fields{Rest: line}
		var n [3]uint64
		for i := range n {
			n[i] = f.Uint()
			f.Bad = f.Bad || n[i] > math.MaxUint32
		}
		if f.Bad {
			return m, scan.ErrShort
		}
		m = append(m, IDRange{uint32(n[0]), uint32(n[1]), uint32(n[2])})
	}
	return m, nil
}

// Inside is the namespace's number for an id of ours. ok is false if the namespace has no number for it.
func (m IDMap) Inside(id uint32) (inside uint32, ok bool) {
	for _, r := range m {
		if id >= r.Outside && id-r.Outside < r.Count {
			return r.Inside + (id - r.Outside), true
		}
	}
	return 0, false
}

// ParseCapabilities reads the five Cap lines of /proc/PID/status, 16 hexadecimal digits each. Kernels before 4.3 have
// no CapAmb.
func ParseCapabilities(text []byte) (Capabilities, error) {
	var inh, prm, eff, bnd, amb uint64
	found, err := hexFields(text,
		map[string]*uint64{"CapInh": &inh, "CapPrm": &prm, "CapEff": &eff, "CapBnd": &bnd, "CapAmb": &amb})
	if err != nil {
		return Capabilities{}, err
	}
	if found < 4 {
		return Capabilities{}, scan.ErrShort
	}
	return Capabilities{
		Inheritable: CapabilitySet(inh), Permitted: CapabilitySet(prm), Effective: CapabilitySet(eff),
		Bounding: CapabilitySet(bnd), Ambient: CapabilitySet(amb),
	}, nil
}

// capabilityNames are CAP_* of include/uapi/linux/capability.h in small letters, like capsh's names.
const capabilityNames = "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap " +
	"linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio " +
	"sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease " +
	"audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon " +
	"bpf checkpoint_restore"

// Names lists the capabilities of the set. If the set has more than half of them, it lists "all" and the missing ones
// with a minus in front. A capability without a name here appears as its number.
func (s CapabilitySet) Names() []string {
	known := strings.Fields(capabilityNames)
	var names []string
	named := s & (1<<len(known) - 1)
	if bits.OnesCount64(uint64(named)) > len(known)/2 {
		names = append(names, "all")
		for i, name := range known {
			if s>>i&1 == 0 {
				names = append(names, "-"+name)
			}
		}
		s &^= named
	}
	for i := range 64 {
		switch {
		case s>>i&1 == 0:
		case i < len(known):
			names = append(names, known[i])
		default:
			names = append(names, strconv.Itoa(i))
		}
	}
	return names
}

// SchedClass is ps's word for a scheduling policy (include/uapi/linux/sched.h): TS, FF, RR, B, IDL, DLN, EXT. "#n" is
// for other policies.
func SchedClass(policy int) string {
	names := [...]string{0: "TS", 1: "FF", 2: "RR", 3: "B", 4: "ISO", 5: "IDL", 6: "DLN", 7: "EXT"}
	if policy >= 0 && policy < len(names) {
		return names[policy]
	}
	return "#" + strconv.Itoa(policy)
}

// Thread is one thread of a process.
type Thread struct {
	ProcStat // of the thread: PID is its tid
	// Call is the system call in which the thread sleeps. nil: it runs, or sleeps in no call, or Err is the reason why
	// the call is not known.
	Call *BlockedCall
	Err  error
}

// Threads lists the threads of a process by tid. The calls need the right to ptrace the process: else the Err of each
// thread is fs.ErrPermission. It leaves out threads that end meanwhile. It costs 20 microseconds a thread.
func (p Dir) Threads() ([]Thread, error) {
	dir, err := p.openDir("task")
	if err != nil {
		return nil, fmt.Errorf("list /proc/%d/task: %w", p.PID, err)
	}
	defer unix.Close(dir)
	var threads []Thread
	buf := make([]byte, 0, 4096)
	err = sys.EachDirent(dir, make([]byte, 8<<10), func(name []byte) {
		tid, ok := scan.Atoi(name[:len(name)-1])
		if !ok {
			return
		}
		text, err := p.Read("task/"+strconv.Itoa(tid)+"/stat", buf)
		if err != nil {
			return
		}
		t := Thread{}
		if t.ProcStat, err = ParseProcStat(text); err != nil {
			return
		}
		c, err := p.blockedCall(tid, buf)
		switch {
		case err == nil:
			t.Call = &c
		case err != errNotBlocked:
			t.Err = err
		}
		threads = append(threads, t)
	})
	if err != nil {
		return threads, fmt.Errorf("list /proc/%d/task: %w", p.PID, err)
	}
	slices.SortFunc(threads, func(a, b Thread) int { return a.PID - b.PID })
	return threads, nil
}

// Name is the call's name in man 2. It is "syscall 123" for a call in which threads seldom sleep.
func (c BlockedCall) Name() string {
	if name, ok := archCall(c.NR); ok {
		return name
	}
	if name := sleepingCall(c.NR); name != "" {
		return name
	}
	return pathCall(c.NR)
}

// pathCall names a call on paths or file systems: threads sleep in it for a disk, or for a server of files.
func pathCall(nr int) string {
	switch nr {
	case unix.SYS_STATX:
		return "stat"
	case unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2:
		return "access"
	case unix.SYS_FCHMODAT:
		return "chmod"
	case unix.SYS_MKDIRAT:
		return "mkdir"
	case unix.SYS_UNLINKAT:
		return "unlink"
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		return "rename"
	case unix.SYS_GETDENTS64:
		return "getdents"
	case unix.SYS_SYNC, unix.SYS_SYNCFS:
		return "sync"
	case unix.SYS_UMOUNT2:
		return "umount"
	}
	return "syscall " + strconv.Itoa(nr)
}

// sleepingCall names a call of both architectures in which threads sleep; "": it is none.
func sleepingCall(nr int) string {
	switch nr {
	case unix.SYS_READ, unix.SYS_READV, unix.SYS_PREAD64, unix.SYS_PREADV, unix.SYS_PREADV2:
		return "read"
	case unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_PWRITE64, unix.SYS_PWRITEV, unix.SYS_PWRITEV2:
		return "write"
	case unix.SYS_ACCEPT, unix.SYS_ACCEPT4:
		return "accept"
	case unix.SYS_CONNECT:
		return "connect"
	case unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG:
		return "recv"
	case unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG:
		return "send"
	case unix.SYS_PPOLL:
		return "poll"
	case unix.SYS_PSELECT6:
		return "select"
	case unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2:
		return "epoll_wait"
	case unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP:
		return "nanosleep"
	case unix.SYS_WAIT4, unix.SYS_WAITID:
		return "wait"
	case unix.SYS_RT_SIGTIMEDWAIT:
		return "sigwait"
	case unix.SYS_RT_SIGSUSPEND:
		return "sigsuspend"
	case unix.SYS_CLONE, unix.SYS_CLONE3:
		return "clone"
	case unix.SYS_FUTEX, unix.SYS_FUTEX_WAIT, unix.SYS_FUTEX_WAITV:
		return "futex"
	case unix.SYS_FLOCK:
		return "flock"
	case unix.SYS_FCNTL:
		return "fcntl"
	case unix.SYS_OPENAT, unix.SYS_OPENAT2:
		return "open"
	case unix.SYS_MSGSND:
		return "msgsnd"
	case unix.SYS_MSGRCV:
		return "msgrcv"
	case unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP:
		return "semop"
	case unix.SYS_MQ_TIMEDSEND:
		return "mq_send"
	case unix.SYS_MQ_TIMEDRECEIVE:
		return "mq_receive"
	case unix.SYS_IO_URING_ENTER:
		return "io_uring_enter"
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		return "fsync"
	case unix.SYS_IOCTL:
		return "ioctl"
	case unix.SYS_SPLICE:
		return "splice"
	case unix.SYS_TEE:
		return "tee"
	case unix.SYS_VMSPLICE:
		return "vmsplice"
	case unix.SYS_SENDFILE:
		return "sendfile"
	case unix.SYS_RESTART_SYSCALL:
		return "restart_syscall"
	case unix.SYS_IO_GETEVENTS, unix.SYS_IO_PGETEVENTS:
		return "io_getevents"
	}
	return ""
}

// TakesFD is the descriptor on which the call waits, if it is the first argument.
func (c BlockedCall) TakesFD() (fd int, ok bool) {
	switch c.Name() {
	case "read", "write", "accept", "connect", "recv", "send", "epoll_wait", "flock", "fcntl", "mq_send", "mq_receive",
		"io_uring_enter", "fsync", "ioctl", "splice":
		return int(int32(c.Args[0])), true
	}
	return 0, false
}
