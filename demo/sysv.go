package demo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// keyPrefix begins the keys of the demo: "ip" in ASCII.
const keyPrefix = 0x69700000

// identity tells a System V object from every other object of its kind and IPC namespace.
type identity struct {
	perm  sysv.IPCPerm
	ctime int64
	cpid  int // shm only
}

// sysvStat reads the identity of an object. The error is fs.ErrNotExist if no object has this id.
func sysvStat(h *kernel.Host, kind string, id int) (identity, error) {
	switch schema.Kind(kind) {
	case schema.Msg:
		q, err := h.MsgStat(id)
		return identity{perm: q.IPCPerm, ctime: q.CTime}, err
	case schema.Sem:
		s, err := h.SemStat(id)
		return identity{perm: s.IPCPerm, ctime: s.CTime}, err
	default:
		s, err := h.ShmStat(id)
		return identity{perm: s.IPCPerm, ctime: s.CTime, cpid: int(s.CPid)}, err
	}
}

// sysvList reads the identities of all objects of this kind.
func sysvList(h *kernel.Host, kind string) ([]identity, error) {
	var all []identity
	switch schema.Kind(kind) {
	case schema.Msg:
		queues, err := h.MsgQueues(false)
		if err != nil {
			return nil, err
		}
		for _, q := range queues {
			all = append(all, identity{perm: q.IPCPerm, ctime: q.CTime})
		}
	case schema.Sem:
		sets, err := h.SemSets()
		if err != nil {
			return nil, err
		}
		for _, s := range sets {
			all = append(all, identity{perm: s.IPCPerm, ctime: s.CTime})
		}
	default:
		segments, err := h.ShmSegments(false)
		if err != nil {
			return nil, err
		}
		for _, s := range segments {
			all = append(all, identity{perm: s.IPCPerm, ctime: s.CTime, cpid: int(s.CPid)})
		}
	}
	return all, nil
}

// sysv makes a System V object and records it before and after. get makes it under a key, exclusively (IPC_EXCL).
// prepare then does all that may change its ctime.
//
// private makes it without a key (IPC_PRIVATE). Only segments may be private, because only they record their creator.
// By the creator Clean knows an object that was announced but not recorded.
func (r *role) sysv(kind schema.Kind, private bool, get func(key uint32) (int, error),
	prepare func(id int) error) (entry, error) {
	for {
		key := uint32(sysv.KeyPrivate)
		if !private {
			var err error
			if key, err = randomKey(); err != nil {
				return entry{}, err
			}
		}
		e, err := r.journal.announce(entry{Kind: string(kind), Key: key, UID: uint32(unix.Geteuid())})
		if err != nil {
			return e, err
		}
		id, err := get(key)
		if err != nil {
			if err := r.journal.withdraw(e); err != nil {
				return e, err
			}
			if errors.Is(err, unix.EEXIST) {
				continue
			}
			return e, err
		}
		if prepare != nil {
			if err := prepare(id); err != nil {
				return e, err
			}
		}
		is, err := sysvStat(r.host, e.Kind, id)
		if err != nil {
			return e, err
		}
		e.ID, e.CTime, e.UID = id, is.ctime, is.perm.CUID
		return e, r.journal.made(e)
	}
}

// randomKey returns a key of the demo. Two demos rarely choose the same key, and IPC_EXCL shows when they do.
func randomKey() (uint32, error) {
	var b [2]byte
	if _, err := unix.Getrandom(b[:], 0); err != nil {
		return 0, fmt.Errorf("getrandom: %w", err)
	}
	return keyPrefix | uint32(binary.NativeEndian.Uint16(b[:])), nil
}

// queue makes a message queue.
func (r *role) queue() (entry, error) {
	return r.sysv(schema.Msg, false, func(key uint32) (int, error) { return r.admin.MsgGet(key, exclusive) }, nil)
}

// semaphores makes a semaphore set with these values.
func (r *role) semaphores(values ...uint16) (entry, error) {
	return r.sysv(schema.Sem, false,
		func(key uint32) (int, error) { return r.admin.SemGet(key, len(values), exclusive) },
		func(id int) error { return r.admin.SemSetValues(id, values) })
}

// segment makes a segment of 64 KiB with a text at its start. The segment stays attached.
func (r *role) segment(private bool, text string) (entry, error) {
	return r.segmentOf(64<<10, private, text)
}

func (r *role) segmentOf(size uint64, private bool, text string) (entry, error) {
	e, err := r.sysv(schema.Shm, private, func(key uint32) (int, error) { return r.admin.ShmGet(key, size, exclusive) },
		nil)
	if err != nil {
		return e, err
	}
	data, err := r.admin.ShmAttach(e.ID, false)
	if err != nil {
		return e, err
	}
	copy(data, text)
	return e, nil
}

const exclusive = sysv.IPCCreat | sysv.IPCExcl | 0o600

// reportSysV reports a System V object that this worker made.
func (r *role) reportSysV(e entry, lookFor string) {
	r.object(Object{
		Ref: schema.Ref{Kind: schema.Kind(e.Kind), ID: uint64(e.ID), Gen: uint64(e.CTime)},
		Key: e.Key, LookFor: lookFor,
	})
}

// reportOtherSysV reports an object of another worker. The worker's first argument is its id.
func (r *role) reportOtherSysV(kind schema.Kind, lookFor string) (id int, err error) {
	if id, err = strconv.Atoi(r.args[0]); err != nil {
		return 0, err
	}
	is, err := sysvStat(r.host, string(kind), id)
	if err != nil {
		return 0, err
	}
	r.reportSysV(entry{Kind: string(kind), ID: id, Key: is.perm.Key, CTime: is.ctime}, lookFor)
	return id, nil
}

// removeSysV removes the System V objects whose identity is still the recorded one.
func removeSysV(things []entry, report *Report) error {
	h, err := kernel.Open("")
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range things {
		switch schema.Kind(e.Kind) {
		case schema.Msg, schema.Sem, schema.Shm:
			errs = append(errs, removeOne(h, e, report))
		}
	}
	return errors.Join(errs...)
}

func removeOne(h *kernel.Host, e entry, report *Report) error {
	is, why, err := find(h, e)
	what := fmt.Sprintf("%s %d", e.Kind, is.perm.ID)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case why != "":
		report.left(what, why)
		return nil
	}
	admin := kernel.NewAdmin()
	remove := map[schema.Kind]func(int) error{
		schema.Msg: admin.MsgRemove, schema.Sem: admin.SemRemove, schema.Shm: admin.ShmRemove,
	}[schema.Kind(e.Kind)]
	// The kernel cannot compare and remove in one call. Between the check and this call the id could in theory pass to
	// another object.
	if err := remove(is.perm.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	report.removed("%s", what)
	return nil
}

// find looks for the recorded thing. why is the reason to leave the object with its id alone.
func find(h *kernel.Host, e entry) (is identity, why string, err error) {
	if e.Event != "made" {
		return findAnnounced(h, e)
	}
	if is, err = sysvStat(h, e.Kind, e.ID); err != nil {
		return is, "", err
	}
	switch shm := e.Kind == string(schema.Shm); {
	case is.perm.CUID != e.UID || is.ctime != e.CTime || shm && is.cpid != e.PID:
		return is, fmt.Sprintf("it was changed since the demo made it (set, undo), or it is another program's: if it "+
			"is the demo's, ipctop rm %s:%d removes it", e.Kind, is.perm.ID), nil
	case is.perm.Dest():
		return is, "it is removed and goes with its last detach", nil
	case is.perm.Key != e.Key:
		return is, "it is not the demo's: another key", nil
	}
	return is, "", nil
}

// announcedTime is the longest time in seconds from an announcement to the creation.
const announcedTime = 10

// findAnnounced looks for an object that a killed worker had announced. It compares key, creator and time of creation.
func findAnnounced(h *kernel.Host, e entry) (identity, string, error) {
	all, err := sysvList(h, e.Kind)
	if err != nil {
		return identity{}, "", err
	}
	for _, is := range all {
		shm := e.Kind == string(schema.Shm)
		// The kernel's coarse clock may be one tick behind the clock of this process.
		made := is.ctime >= e.Time-1 && is.ctime <= e.Time+announcedTime
		if is.perm.Key == e.Key && is.perm.CUID == e.UID && made &&
			(shm && is.cpid == e.PID || !shm && e.Key != sysv.KeyPrivate) {
			return is, "", nil
		}
	}
	return identity{}, "", fs.ErrNotExist
}
