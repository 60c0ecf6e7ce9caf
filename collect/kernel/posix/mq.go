package posix

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// Queue is a POSIX message queue.
type Queue struct {
	vfs.PosixFile
	MqAttr
	HasAttr bool // MqAttr is valid
	MqStatus
	HasStatus bool  // MqStatus is valid
	Denied    bool  // missing rights hide the content
	Unread    error // another failure hides it, such as EMFILE
}

// MqAttr is struct mq_attr (mq_getattr(3)) without its flags.
type MqAttr struct {
	MaxMsg   int64 // most messages
	MsgSize  int64 // longest message, bytes
	Messages int64 // messages in the queue now (mq_curmsgs)
}

// MqStatus is the text of a queue's file (mq_overview(7)).
type MqStatus struct {
	Bytes uint64 // of all messages in it (QSIZE)
	// Notify is the way in which the kernel tells the process: SIGEV_SIGNAL 0, SIGEV_NONE 1, SIGEV_THREAD 2. It is
	// valid if NotifyPID is not 0.
	Notify    int
	Signo     int // the signal; 0 for SIGEV_THREAD
	NotifyPID int // the process that asked for a notice (mq_notify); 0: none, or a process outside our pid namespace
}

// mqueueMagic is the file system's type (ipc/mqueue.c).
const mqueueMagic = 0x19800202

// errNoQueues is the reason why ipctop cannot list queues.
var errNoQueues = fmt.Errorf("it is not mounted on %s, and only root may look without a mount: %w", devMqueue,
	unix.EPERM)

// openQueues opens the directory of the queues of our IPC namespace. It changes no mount that others see: fsmount
// makes a mount without a path, which ends with its descriptor (man 2 fsmount, Linux 5.2). That costs 30 to 50
// microseconds. Without the rights for fsmount it opens a mount at /dev/mqueue. Such a mount is usually a mount of
// our namespace.
func openQueues() (int, error) {
	fd, err := queuesMount()
	if err == nil {
		return fd, nil
	}
	if place, mountErr := mqueueMount(); mountErr == nil {
		fd, mountErr := sys.OpenDir(place, ".")
		unix.Close(place)
		if mountErr == nil {
			return fd, nil
		}
	}
	switch {
	case err == unix.ENODEV: // a kernel without CONFIG_POSIX_MQUEUE
		return -1, fmt.Errorf("open the file system of message queues: %w", err)
	case sys.Denied(err):
		err = errNoQueues
	}
	return -1, fmt.Errorf("open the file system of message queues: %w", err)
}

// mqueueMount opens the place /dev/mqueue (O_PATH) if it is an mqueue file system, else the error is ErrNotMounted. It
// asks no other file system there: a server may be dead.
func mqueueMount() (int, error) {
	place, err := unix.Open(devMqueue, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", devMqueue, ErrNotMounted)
	}
	var st unix.Statfs_t
	if vfs.CheckServer(place) != nil || unix.Fstatfs(place, &st) != nil || st.Type != mqueueMagic {
		unix.Close(place)
		return -1, fmt.Errorf("%s: %w", devMqueue, ErrNotMounted)
	}
	return place, nil
}

func queuesOf(root sys.Root) (int, error) {
	if root.Live() {
		return openQueues()
	}
	return root.OpenDir(devMqueue)
}

func queuesMount() (int, error) {
	config, err := unix.Fsopen("mqueue", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(config)
	if err := unix.FsconfigCreate(config); err != nil {
		return -1, err
	}
	mount, err := unix.Fsmount(config, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(mount) // an O_PATH descriptor; the opened directory keeps the mount alive
	return sys.OpenDir(mount, ".")
}

// AllQueues lists the queues of our IPC namespace by name. It does not need /dev/mqueue. attr asks for MqAttr, at 2
// microseconds a queue. status asks for MqStatus. Reading a queue's text sets its access and change times
// (mqueue_read_file, ipc/mqueue.c); nothing else reads these times. If the caller may not read a queue, the result
// has only its file, and Denied is set. On a file tree AllQueues reads the files of dev/mqueue, which have no MqAttr.
func AllQueues(root sys.Root, attr, status bool) ([]Queue, error) {
	dir, err := queuesOf(root)
	if errors.Is(err, unix.ENODEV) || !root.Live() && errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	files, _, err := listFiles(dir)
	queues := make([]Queue, len(files))
	for i, f := range files {
		queues[i].PosixFile = f
		if attr || status {
			queues[i].read(dir, attr, status)
		}
	}
	if err != nil {
		err = fmt.Errorf("list message queues: %w", err)
	}
	return queues, err
}

func (q *Queue) read(dir int, attr, status bool) {
	if !q.Mode.IsRegular() {
		return // the kernel makes only regular files here; a file tree may hold others
	}
	fd, err := unix.Openat(dir, q.Name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		q.Denied, q.Unread = sys.Denied(err), unread(err)
		return
	}
	defer unix.Close(fd)
	if attr {
		a, err := mqGetAttr(fd)
		q.MqAttr, q.HasAttr = a, err == nil
	}
	if status {
		var buf [128]byte // FILENT_SIZE of ipc/mqueue.c is 80
		if n, err := unix.Pread(fd, buf[:], 0); err == nil {
			q.MqStatus, err = ParseMqStatus(buf[:n])
			q.HasStatus = err == nil
		}
	}
}

// QueueStat reads the file of one queue by its name ("/name"). It reads the attributes if the caller may.
func QueueStat(root sys.Root, name string) (Queue, error) {
	if !root.Live() {
		return Queue{}, fmt.Errorf("read queue %s: %w", name, sys.ErrNotLive)
	}
	file := strings.TrimPrefix(name, "/")
	if err := vfs.PlainName(file); err != nil {
		return Queue{}, fmt.Errorf("%s: %w", name, err)
	}
	dir, err := openQueues()
	if sys.Denied(err) {
		return openedQueue(file)
	}
	if err != nil {
		return Queue{}, err
	}
	defer unix.Close(dir)
	f, err := vfs.StatAt(dir, file)
	if err != nil {
		return Queue{}, fmt.Errorf("stat queue %s: %w", name, err)
	}
	q := Queue{PosixFile: f}
	q.read(dir, true, false)
	return q, nil
}

// openedQueue reads a queue through mq_open. The queue's permissions must allow that. An ordinary user without a
// mount of the file system has only this way.
func openedQueue(file string) (Queue, error) {
	fd, err := mqOpen(file, unix.O_RDONLY|unix.O_NONBLOCK, 0, nil)
	if err != nil {
		return Queue{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Queue{}, fmt.Errorf("stat queue %s: %w", file, err)
	}
	q := Queue{PosixFile: vfs.FileOf(file, &st)}
	q.MqAttr, err = mqGetAttr(fd)
	q.HasAttr = err == nil
	return q, nil
}

// mqOpen is the system call. It takes the name without its slash.
func mqOpen(file string, flags int, perms uint32, attr *mqAttr) (int, error) {
	p, err := unix.BytePtrFromString(file)
	if err != nil {
		return -1, fmt.Errorf("mq_open /%s: %w", file, err)
	}
	fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(p)), uintptr(flags|unix.O_CLOEXEC),
		uintptr(perms), uintptr(unsafe.Pointer(attr)), 0, 0)
	if errno != 0 {
		return -1, fmt.Errorf("mq_open /%s: %w", file, errno)
	}
	return int(fd), nil
}

// mqAttr is struct mq_attr (include/uapi/linux/mqueue.h).
type mqAttr struct {
	flags, maxMsg, msgSize, curMsgs int64
	_                               [4]int64
}

var _ [64]byte = [unsafe.Sizeof(mqAttr{})]byte{}

func mqGetAttr(fd int) (MqAttr, error) {
	var a mqAttr
	if _, _, errno := unix.RawSyscall(unix.SYS_MQ_GETSETATTR, uintptr(fd), 0, uintptr(unsafe.Pointer(&a))); errno != 0 {
		return MqAttr{}, fmt.Errorf("mq_getattr: %w", errno)
	}
	return MqAttr{MaxMsg: a.maxMsg, MsgSize: a.msgSize, Messages: a.curMsgs}, nil
}

// ParseMqStatus reads "QSIZE:129        NOTIFY:2     SIGNO:0     NOTIFY_PID:8260" (mq_overview(7)).
func ParseMqStatus(text []byte) (MqStatus, error) {
	var s MqStatus
	var n int64
	f := scan.Fields{Rest: text}
	for _, field := range []struct {
		name string
		set  func()
	}{
		{"QSIZE:", func() { s.Bytes = uint64(n) }}, {"NOTIFY:", func() { s.Notify = int(n) }},
		{"SIGNO:", func() { s.Signo = int(n) }}, {"NOTIFY_PID:", func() { s.NotifyPID = int(n) }},
	} {
		digits, ok := bytes.CutPrefix(f.Next(), []byte(field.name))
		var err error
		if n, err = strconv.ParseInt(string(digits), 10, 64); err != nil || !ok {
			return MqStatus{}, scan.ErrShort
		}
		field.set()
	}
	return s, nil
}
