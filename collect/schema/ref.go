// Package schema holds the words that every room of ipctop shares: Ref, Value, Column, Object, Edge, Finding, Fault.
//
// It does no input or output. It imports no other package of ipctop.
package schema

import (
	"cmp"
	"strconv"
	"strings"
)

// Kind is the kind of an object, in util-linux's short words.
type Kind string

// The kinds of objects. The screen shows them in the order of collect.Mechanisms.
const (
	Msg  Kind = "msg"  // System V message queue
	Sem  Kind = "sem"  // System V semaphore set
	Shm  Kind = "shm"  // System V shared memory segment
	Pipe Kind = "pipe" // anonymous pipe
	Fifo Kind = "fifo" // named pipe
	Unix Kind = "unix" // AF_UNIX socket
	Inet Kind = "inet" // TCP, UDP or raw socket, IPv4 or IPv6
	Proc Kind = "proc" // process

	Netlink Kind = "netlink" // AF_NETLINK socket
	Packet  Kind = "packet"  // AF_PACKET socket
	Vsock   Kind = "vsock"   // AF_VSOCK socket

	NS Kind = "ns" // namespace

	EventFD  Kind = "eventfd"  // eventfd(2)
	Epoll    Kind = "epoll"    // epoll(7) instance
	SignalFD Kind = "signalfd" // signalfd(2)
	TimerFD  Kind = "timerfd"  // timerfd_create(2)
	Inotify  Kind = "inotify"  // inotify(7) instance
	PidFD    Kind = "pidfd"    // pidfd_open(2)
	IOUring  Kind = "io_uring" // io_uring(7) instance
	Lock     Kind = "lock"     // flock, POSIX or OFD lock, lease
	Pty      Kind = "pty"      // pseudoterminal pair

	PMsg  Kind = "pmsg"  // POSIX message queue
	PSem  Kind = "psem"  // POSIX named semaphore
	PShm  Kind = "pshm"  // POSIX shared memory: a file of /dev/shm
	Memfd Kind = "memfd" // memfd_create(2), and other shared memory without a name
	Mmap  Kind = "mmap"  // file that several processes map MAP_SHARED
	Limit Kind = "limit" // a limit of the kernel
	Wait  Kind = "wait"  // a thread that waits for another thread, by its TID
)

// SysV is true for the System V kinds. Their ids and keys belong to an IPC namespace.
func (k Kind) SysV() bool { return k == Msg || k == Sem || k == Shm }

// InDevShm is true for the kinds of files in /dev/shm. Every mount namespace may have its own, on a device of its own.
func (k Kind) InDevShm() bool { return k == PSem || k == PShm }

// Family is a group of kinds that a person looks at together.
type Family string

// Ref is an object's identity. Two Refs are the same object if and only if they are equal (==).
type Ref struct {
	Kind Kind
	// Space is the range in which ID is unique. For System V kinds it is the inode of a foreign IPC namespace. For
	// FIFOs and files it is the device (st_dev), 0 for a name in the reader's own /dev/shm. For locks it is the device
	// of the locked file. For pseudoterminals it is a foreign devpts. 0 is the reader's own namespace, or a number that
	// is unique on the machine.
	Space uint64
	// ID is the System V id, inode number or pid.
	ID uint64
	// Name identifies an object without a number. Examples: a POSIX name; "sk:1a2b", the cookie of a socket without
	// inode, in ss's word; "4242/7", descriptor 7 of process 4242; "12/posix/4242/0-99", a lock on inode 12.
	Name string
	// Gen separates two objects that have one number at different times. It is a process's start time in clock ticks
	// since boot, a System V object's ctime in Unix seconds, or the inode number behind a POSIX name.
	Gen uint64
}

// String is the Ref in the form that people type: "shm:32769", "fifo:12@0:35", "pshm:/name", "shm:5@4026532178". It
// leaves Gen out. It is valid UTF-8 without control characters and blanks. ParseSelector reads it back exactly. Refs
// with other names have other texts (Printed).
func (r Ref) String() string { return string(r.Append(make([]byte, 0, 48))) }

// Append appends the text of String.
func (r Ref) Append(b []byte) []byte {
	b = append(append(b, r.Kind...), ':')
	if r.Name != "" {
		b = append(b, r.printedName()...)
	} else {
		b = strconv.AppendUint(b, r.ID, 10)
	}
	switch {
	case r.Space == 0:
	case r.Kind == Limit && r.Space < firstNamespace: // of a /dev/shm
		b = append(append(b, '@'), FormatDev(r.Space)...)
	case r.Kind == Fifo, r.Kind == Lock, r.Kind == Pty, r.Kind == PSem, r.Kind == PShm, r.Kind == Memfd, r.Kind == Mmap:
		b = append(append(b, '@'), FormatDev(r.Space)...)
	default:
		b = strconv.AppendUint(append(b, '@'), r.Space, 10)
	}
	return b
}

// IsZero is true for "no object".
func (r Ref) IsZero() bool { return r == Ref{} }

// CompareRefs orders Refs by kind, space, number, name and Gen.
func CompareRefs(a, b Ref) int {
	return cmp.Or(
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Space, b.Space), cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Gen, b.Gen))
}

// FormatDev writes a device number in decimal, as "major:minor" (makedev(3)).
func FormatDev(dev uint64) string {
	major := uint32((dev>>8)&0xfff) | uint32((dev>>32)&^0xfff)
	minor := uint32(dev&0xff) | uint32((dev>>12)&^0xff)
	return strconv.FormatUint(uint64(major), 10) + ":" + strconv.FormatUint(uint64(minor), 10)
}

// MakeDev joins major and minor to the number that st_dev holds (glibc's makedev).
func MakeDev(major, minor uint32) uint64 {
	return uint64(major&0xfff)<<8 | uint64(major&^0xfff)<<32 | uint64(minor&0xff) | uint64(minor&^0xff)<<12
}

// firstNamespace is the smallest inode number of a namespace: PROC_DYNAMIC_FIRST (fs/proc/generic.c).
const firstNamespace = 0xf0000000

// cutNamespace cuts the IPC namespace off a queue's name, "/jobs@4026532178", or the device of another /dev/shm off the
// name of a file there, "/cache@0:42". A name may itself hold an "@".
func cutNamespace(k Kind, name string) (rest string, space uint64, ok bool) {
	i := strings.LastIndexByte(name, '@')
	if k.InDevShm() && i > 0 && strings.Contains(name[i:], ":") {
		space, err := parseSpace(name[i+1:])
		return name[:i], space, err == nil && space != 0
	}
	if k != PMsg && !strings.HasPrefix(name, "sk:") || i < 0 {
		return "", 0, false
	}
	space, err := strconv.ParseUint(name[i+1:], 10, 64)
	return name[:i], space, err == nil && space >= firstNamespace
}

func parseSpace(s string) (uint64, error) {
	major, minor, ok := strings.Cut(s, ":")
	if !ok {
		return strconv.ParseUint(s, 10, 64)
	}
	a, err := strconv.ParseUint(major, 10, 32)
	if err != nil {
		return 0, err
	}
	b, err := strconv.ParseUint(minor, 10, 32)
	return MakeDev(uint32(a), uint32(b)), err
}
