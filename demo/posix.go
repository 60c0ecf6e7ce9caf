package demo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// posixPrefix begins the POSIX names of the demo. A random number follows.
const posixPrefix = "/ipctop-demo-"

// posix makes a POSIX queue, shared memory or semaphore with a new name, and records it before and after. create makes
// it exclusively (O_EXCL) and returns a descriptor, which stays open.
func (r *role) posix(kind schema.Kind, create func(name string) (fd int, err error)) (e entry, fd int, err error) {
	var random [5]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil {
		return e, -1, fmt.Errorf("getrandom: %w", err)
	}
	if e, err = r.journal.announce(entry{Kind: string(kind), Path: posixPrefix + hex.EncodeToString(random[:]),
		UID: uint32(unix.Geteuid())}); err != nil {
		return e, -1, err
	}
	if fd, err = create(e.Path); err != nil {
		return e, -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return e, fd, fmt.Errorf("stat %s: %w", e.Path, err)
	}
	e.Dev, e.Ino = st.Dev, st.Ino
	return e, fd, r.journal.made(e)
}

// reportPosix reports an object that posix made.
func (r *role) reportPosix(e entry, lookFor string) {
	r.object(Object{Ref: schema.Ref{Kind: schema.Kind(e.Kind), Name: e.Path, Gen: e.Ino}, Path: e.Path,
		LookFor: lookFor})
}

// reportOtherPosix reports an object of another worker. The worker's first argument is its name.
func (r *role) reportOtherPosix(kind schema.Kind, lookFor string) (name string, err error) {
	name = r.args[0]
	file, err := posixStat(r.host, string(kind), name)
	if err != nil {
		return name, err
	}
	r.reportPosix(entry{Kind: string(kind), Path: name, Ino: file.Ino}, lookFor)
	return name, nil
}

// withName starts a worker. Its argument is the name of the object that worker maker made.
func (s *stage) withName(maker *child, role string) (*child, error) {
	return s.start(role, []string{maker.objects[0].Path})
}

// posixStat reads the file behind a POSIX name. The error is fs.ErrNotExist if there is none.
func posixStat(h *kernel.Host, kind, name string) (vfs.PosixFile, error) {
	switch schema.Kind(kind) {
	case schema.PMsg:
		q, err := h.PosixQueueStat(name)
		return q.PosixFile, err
	case schema.PSem:
		return h.PosixSemStat(name)
	}
	return h.PosixShmStat(name)
}

// removePosix removes the POSIX objects whose identity is still the recorded one.
func removePosix(things []entry, report *Report) error {
	h, err := kernel.Open("")
	if err != nil {
		return err
	}
	admin := kernel.NewAdmin()
	remove := map[string]func(string, vfs.Same) error{
		string(schema.PMsg): admin.PosixMsgRemoveSame, string(schema.PShm): admin.PosixShmRemoveSame,
		string(schema.PSem): admin.PosixSemRemoveSame,
	}
	var errs []error
	for _, e := range things {
		do := remove[e.Kind]
		if do == nil {
			continue
		}
		what := e.Kind + " " + e.Path
		file, err := posixStat(h, e.Kind, e.Path)
		switch {
		case sys.Gone(err):
		case err != nil:
			errs = append(errs, err)
		case !samePosix(e, file):
			report.left(what, "the name is now another's")
		default:
			if err := do(e.Path, vfs.Same{Dev: file.Dev, Ino: file.Ino}); err == nil {
				report.removed("%s", what)
			} else if !sys.Gone(err) && !errors.Is(err, posix.ErrChanged) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// samePosix compares the identities. An entry with only the announcement has no identity. Then the random name, the
// owner and the age must be enough.
//
// The times of a queue are whole seconds, because the mqueue file system keeps the default s_time_gran. The kernel's
// clock moves on with each tick. So a queue made right after the start of a second can show the second before.
func samePosix(e entry, file vfs.PosixFile) bool {
	if e.Event == "made" {
		return file.Dev == e.Dev && file.Ino == e.Ino
	}
	return strings.HasPrefix(e.Path, posixPrefix) && file.UID == e.UID && file.CTime.Unix() >= e.Time-1
}
