package namespace

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Namespace is a namespace of another process, and a path to it.
type Namespace struct {
	Type string // as in /proc/PID/ns; see Types
	Ino  uint64 // inode of its nsfs file. The kernel uses the number again after the namespace's end
	Path string // a file that leads to it: "/proc/12/ns/ipc", "/proc/12/fd/7", "/run/netns/blue"
	// TID and FD are a thread and its descriptor of a socket in the namespace. They lead to it if Path is "".
	TID, FD int
}

// String is the link's text in /proc/PID/ns: "ipc:[4026531839]".
func (ns Namespace) String() string { return fmt.Sprintf("%s:[%d]", ns.Type, ns.Ino) }

// Types lists the types by their names in /proc/PID/ns (man 7 namespaces).
func Types() []string {
	return []string{"mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time"}
}

// ParseLink reads the text of a link below /proc/PID/ns, or of a descriptor of a namespace: "ipc:[4026531839]".
func ParseLink(text []byte) (typ string, ino uint64, ok bool) {
	name, _, found := bytes.Cut(text, []byte(":["))
	if !found || !slices.Contains(Types(), string(name)) {
		return "", 0, false
	}
	ino, ok = scan.LinkInode(text)
	return string(name), ino, ok
}

// namespaceGone means that the path no longer leads to the namespace.
type namespaceGone struct{ ns Namespace }

func (e *namespaceGone) Error() string {
	way := e.ns.Path
	if way == "" {
		way = fmt.Sprintf("descriptor %d of thread %d", e.ns.FD, e.ns.TID)
	}
	return fmt.Sprintf("%s does not lead to %s any more", way, e.ns)
}
func (e *namespaceGone) Unwrap() error { return fs.ErrNotExist }

// cloneFlag is setns's flag for a type. With it setns refuses a descriptor of another type.
func cloneFlag(typ string) int {
	switch typ {
	case "ipc":
		return unix.CLONE_NEWIPC
	case "net":
		return unix.CLONE_NEWNET
	}
	return 0
}

// VisitEach runs f(i) on a thread inside each namespace of list, one after the other. All are IPC or all are network
// namespaces. The thread then returns to its own namespace (man 2 setns).
//
// f's system calls on its own goroutine act in the namespace. Files below /proc/sysvipc and /proc/thread-self show
// the namespace. User and pid namespaces stay the reader's, so uids and pids are the reader's numbers. A visit costs
// 10 to 20 microseconds, the first one 60. VisitEach leaves no descriptor open: an open descriptor would keep a
// namespace and its objects alive.
//
// The result has one error for each visit; it is nil if f returned nil. An error of f is returned unchanged. If f did
// not run, fs.ErrPermission means that CAP_SYS_ADMIN is missing. The thread needs it in our user namespace, and in
// the user namespace that owns the other. (Entered tells f's errors apart.) fs.ErrNotExist means that the path no
// longer leads to the namespace.
func VisitEach(root sys.Root, list []Namespace, f func(i int) error) []error {
	errs := make([]error, len(list))
	if len(list) == 0 {
		return errs
	}
	if !root.Live() {
		for i, ns := range list {
			errs[i] = &entryError{ns, sys.ErrNotLive}
		}
		return errs
	}
	onOtherThread(func() (keep bool) {
		t := visitor{home: -1}
		for i, ns := range list {
			errs[i] = t.visit(ns, func() error { return f(i) })
		}
		return t.end()
	})
	return errs
}

// Visit runs f inside one namespace, like VisitEach.
func Visit(root sys.Root, ns Namespace, f func() error) error {
	return VisitEach(root, []Namespace{ns}, func(int) error { return f() })[0]
}

// entryError means that the thread did not enter the namespace.
type entryError struct {
	ns  Namespace
	err error
}

func (e *entryError) Error() string { return fmt.Sprintf("enter %s: %v", e.ns, e.err) }
func (e *entryError) Unwrap() error { return e.err }

// Entered is true if an error of a visit is f's: the thread had entered the namespace.
func Entered(err error) bool {
	var entry *entryError
	return !errors.As(err, &entry)
}

// visitor is a thread that visits namespaces of one type.
type visitor struct {
	typ  string
	home int  // the thread's own namespace, open; -1: not yet
	away bool // the thread is in another namespace
}

func (t *visitor) visit(ns Namespace, f func() error) error {
	flag := cloneFlag(ns.Type)
	if flag == 0 || t.typ != "" && t.typ != ns.Type {
		return &entryError{ns, unix.EINVAL}
	}
	there, err := openNamespace(ns)
	if err != nil {
		return &entryError{ns, err}
	}
	defer unix.Close(there)
	if t.home < 0 {
		if t.home, err = unix.Open("/proc/thread-self/ns/"+ns.Type, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return &entryError{ns, err}
		}
		t.typ = ns.Type
	}
	if err := unix.Setns(there, flag); err != nil {
		return &entryError{ns, err}
	}
	t.away = true
	return f()
}

// end brings the thread home. It is false if the kernel refuses that. To leave, the thread needed rights in the user
// namespace of the other. To return, it needs rights in the user namespace of its own, which may be an outer one.
func (t *visitor) end() bool {
	if t.home < 0 {
		return true
	}
	defer unix.Close(t.home)
	return !t.away || unix.Setns(t.home, cloneFlag(t.typ)) == nil
}

// onOtherThread runs f on a locked thread, never on the process's first thread. /proc/self shows the first thread's
// namespaces, also to other processes. The thread ends if f returns false. A panic of f continues here.
func onOtherThread(f func() (keep bool)) {
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			onOtherThread(f) // this goroutine holds the first thread meanwhile
			runtime.UnlockOSThread()
			return
		}
		if f() {
			runtime.UnlockOSThread()
		}
	}()
	if p := <-done; p != nil {
		panic(p)
	}
}

// openNamespace opens the file if it is the namespace's file. It does not open a path that leads elsewhere now: it
// might be a device, or a FIFO on which a process waits.
func openNamespace(ns Namespace) (int, error) {
	if ns.Path == "" {
		return openOfSocket(ns)
	}
	look, err := unix.Open(ns.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(look)
	var on unix.Statfs_t
	var st unix.Stat_t
	if err := unix.Fstatfs(look, &on); err != nil {
		return -1, err
	}
	if err := unix.Fstat(look, &st); err != nil {
		return -1, err
	}
	if on.Type != unix.NSFS_MAGIC || st.Ino != ns.Ino {
		return -1, &namespaceGone{ns}
	}
	return unix.Open(fmt.Sprintf("/proc/thread-self/fd/%d", look), unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// Owner is the uid that made the user namespace above ns, in the numbers of our user namespace. If ns is a user
// namespace itself, Owner is the uid that made ns (man 2 ioctl_ns: NS_GET_USERNS, NS_GET_OWNER_UID).
// fs.ErrPermission: the owner is outside our user namespace.
func Owner(root sys.Root, ns Namespace) (uint32, error) {
	if !root.Live() {
		return 0, fmt.Errorf("owner of %s: %w", ns, sys.ErrNotLive)
	}
	fd, err := openNamespace(ns)
	if err != nil {
		return 0, fmt.Errorf("owner of %s: %w", ns, err)
	}
	defer unix.Close(fd)
	user := fd
	if ns.Type != "user" {
		if user, err = unix.IoctlRetInt(fd, unix.NS_GET_USERNS); err != nil {
			return 0, fmt.Errorf("owner of %s: %w", ns, err)
		}
		defer unix.Close(user)
	}
	uid, err := unix.IoctlGetUint32(user, unix.NS_GET_OWNER_UID)
	if err != nil {
		return 0, fmt.Errorf("owner of %s: %w", ns, err)
	}
	return uid, nil
}

// InitialPID is the inode of the machine's own pid namespace (PROC_PID_INIT_INO in include/linux/proc_ns.h).
const InitialPID = 0xEFFFFFFC

// InitialIPC is the inode of the machine's own IPC namespace (PROC_IPC_INIT_INO in include/linux/proc_ns.h).
const InitialIPC = 0xEFFFFFFF

// Self is the inode of the calling process's namespace of a type ("ipc", "net", "pid"). It reads thread-self, because
// a goroutine that once moved the first thread would make /proc/self wrong.
func Self(root sys.Root, typ string) (uint64, error) {
	text, err := root.Readlink("/proc/thread-self/ns/" + typ)
	if err != nil {
		text, err = root.Readlink("/proc/self/ns/" + typ)
	}
	if err != nil {
		return 0, err
	}
	ino, ok := scan.LinkInode([]byte(text))
	if !ok {
		return 0, fmt.Errorf("%q is no namespace link", text)
	}
	return ino, nil
}
