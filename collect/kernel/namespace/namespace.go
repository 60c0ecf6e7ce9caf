package namespace

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Namespace is a namespace of another process and a way to it.
type Namespace struct {
	Type string // as in /proc/PID/ns: one of Types
	Ino  uint64 // of its nsfs file. The kernel gives the number of a namespace that is gone to the next one
	Path string // a file that leads to it: "/proc/12/ns/ipc", "/proc/12/fd/7", "/run/netns/blue"
}

// String is the link's text in /proc/PID/ns: "ipc:[4026531839]".
func (ns Namespace) String() string { return fmt.Sprintf("%s:[%d]", ns.Type, ns.Ino) }

// Types lists the types by their names in /proc/PID/ns (man 7 namespaces).
func Types() []string {
	return []string{"mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time"}
}

// ParseLink reads what a link below /proc/PID/ns, or a descriptor of a namespace, says: "ipc:[4026531839]".
func ParseLink(text []byte) (typ string, ino uint64, ok bool) {
	name, _, found := bytes.Cut(text, []byte(":["))
	if !found || !slices.Contains(Types(), string(name)) {
		return "", 0, false
	}
	ino, ok = scan.LinkInode(text)
	return string(name), ino, ok
}

// namespaceGone is for a path that does not lead to the namespace any more.
type namespaceGone struct{ ns Namespace }

func (e *namespaceGone) Error() string {
	return fmt.Sprintf("%s does not lead to %s any more", e.ns.Path, e.ns)
}
func (e *namespaceGone) Unwrap() error { return fs.ErrNotExist }

// cloneFlag is the type's name for setns, which takes no descriptor of another type then.
func cloneFlag(typ string) int {
	switch typ {
	case "ipc":
		return unix.CLONE_NEWIPC
	case "net":
		return unix.CLONE_NEWNET
	}
	return 0
}

// VisitEach runs f on a thread inside one namespace after the other, all IPC or all network ones, and brings the
// thread back (man 2 setns). System calls, and files below /proc/sysvipc and /proc/thread-self, that f uses on its
// own goroutine are those of the namespace; user and pid namespaces stay the reader's, so that uids and pids are as
// seen from here. A visit costs 10 to 20 microseconds, the first one 60. Nothing is kept open: whoever keeps a
// namespace's files keeps it alive with all that it holds.
//
// The errors are those of the visits, nil for those where f returned nil. What f returns is returned as it is; where
// f did not run: errors.Is(err, fs.ErrPermission): it takes CAP_SYS_ADMIN, here and in the user namespace that owns
// the other (Entered tells the two apart). errors.Is(err, fs.ErrNotExist): the path does not lead there any more.
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
		t := tour{home: -1}
		for i, ns := range list {
			errs[i] = t.visit(ns, func() error { return f(i) })
		}
		return t.end()
	})
	return errs
}

// Visit is VisitEach for one.
func Visit(root sys.Root, ns Namespace, f func() error) error {
	return VisitEach(root, []Namespace{ns}, func(int) error { return f() })[0]
}

// entryError is a namespace that was not entered.
type entryError struct {
	ns  Namespace
	err error
}

func (e *entryError) Error() string { return fmt.Sprintf("enter %s: %v", e.ns, e.err) }
func (e *entryError) Unwrap() error { return e.err }

// Entered says of an error of a visit whether the namespace had been entered.
func Entered(err error) bool {
	var entry *entryError
	return !errors.As(err, &entry)
}

// tour is a thread's way through namespaces of one type.
type tour struct {
	typ  string
	home int  // the thread's own, open; -1: not yet
	away bool // it has left
}

func (t *tour) visit(ns Namespace, f func() error) error {
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

// end brings the thread home and says whether it is there. It may be refused: the way out took rights in the other
// namespace's user namespace, the way back takes them in that of the own one, which may be an outer one.
func (t *tour) end() bool {
	if t.home < 0 {
		return true
	}
	defer unix.Close(t.home)
	return !t.away || unix.Setns(t.home, cloneFlag(t.typ)) == nil
}

// onOtherThread runs f on a locked thread that is not the process's first one, whose namespaces are those that
// /proc/self shows, also to other processes. If f does not want the thread kept, it ends. A panic of f comes out
// here.
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

// openNamespace opens the file if it is the namespace's. A path that meanwhile leads elsewhere is not opened: it
// might be a device, or a FIFO that somebody waits for.
func openNamespace(ns Namespace) (int, error) {
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

// Owner is the uid, as seen from here, of who made the user namespace that owns this one or, of a user namespace,
// itself (man 2 ioctl_ns: NS_GET_USERNS, NS_GET_OWNER_UID). errors.Is(err, fs.ErrPermission): the owner is outside of
// our own user namespace.
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

// Self is the inode of the calling process's namespace of that type ("ipc", "net", "pid").
// It reads thread-self: a goroutine that once moved the main thread would spoil /proc/self.
func Self(root sys.Root, typ string) (uint64, error) {
	text, err := os.Readlink(root.Path("/proc/thread-self/ns/" + typ))
	if err != nil {
		text, err = os.Readlink(root.Path("/proc/self/ns/" + typ))
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
