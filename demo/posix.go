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

// posixPrefix begins the demo's POSIX names; a random number follows.
const posixPrefix = "/ipctop-demo-"

// posix makes a POSIX queue, shared memory or semaphore under a new name, recorded before and after. create does so
// exclusively and returns a descriptor, which stays open.
func (r *role) posix(kind schema.Kind, create func(name string) (fd int, err error)) (e entry, fd int, err error) {
	var random [5]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil {
		return e, -1, fmt.Errorf("getrandom: %w", err)
	}
	if e, err = r.journal.will(entry{Kind: string(kind), Path: posixPrefix + hex.EncodeToString(random[:]),
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

// madePosix reports what posix made.
func (r *role) madePosix(e entry, lookFor string) {
	r.object(Object{Ref: schema.Ref{Kind: schema.Kind(e.Kind), Name: e.Path, Gen: e.Ino}, Path: e.Path, LookFor: lookFor})
}

// againPosix reports the object that another worker made and whose name is the first argument.
func (r *role) againPosix(kind schema.Kind, lookFor string) (name string, err error) {
	name = r.args[0]
	file, err := posixStat(r.host, string(kind), name)
	if err != nil {
		return name, err
	}
	r.madePosix(entry{Kind: string(kind), Path: name, Ino: file.Ino}, lookFor)
	return name, nil
}

// withName starts a worker whose argument is the name of the object that an earlier worker made.
func (s *stage) withName(maker *child, role string) (*child, error) {
	return s.start(role, []string{maker.objects[0].Path})
}

// posixStat reads the file behind a POSIX name. fs.ErrNotExist if there is none.
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

// removePosix removes the POSIX objects that are still the ones named.
func removePosix(things []entry, report *Report) error {
	h, err := kernel.Open("")
	if err != nil {
		return err
	}
	admin := kernel.NewAdmin()
	remove := map[string]func(name string, dev, ino uint64) error{
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
			if err := do(e.Path, file.Dev, file.Ino); err == nil {
				report.removed("%s", what)
			} else if !sys.Gone(err) && !errors.Is(err, posix.ErrChanged) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// samePosix compares the identity. What was only announced has none: then its name, which is random, its owner and
// age must do. A queue's times are whole seconds (the mqueue file system keeps the default s_time_gran), of a clock
// that ticks move on: one that is made right after a second's start says the second before.
func samePosix(e entry, file vfs.PosixFile) bool {
	if e.Event == "made" {
		return file.Dev == e.Dev && file.Ino == e.Ino
	}
	return strings.HasPrefix(e.Path, posixPrefix) && file.UID == e.UID && file.CTime.Unix() >= e.Time-1
}
