package actions

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// Direct does single deeds at once: no plan, no question. It is for command lines whose users have named the object
// and expect nothing but the deed: ipcrm and ipcmk. Everything else goes through a Planner. What was removed is
// written into the journal afterwards; that it cannot be written is no failure here, for no script of ipcrm's knows
// of it. Errors hold the call's errno.
type Direct struct {
	admin    *kernel.Admin
	host     *kernel.Host
	readOnly bool
	record   func() *record // opens the journal at the first removal; nil where that fails
}

// NewDirect returns a Direct; a read-only one refuses everything with ErrReadOnly. journal makes the journal when it
// is first needed.
func NewDirect(host *kernel.Host, journal func() *Journal, readOnly bool) *Direct {
	open := func() *record {
		r, err := journal().open(nil)
		if err != nil {
			return nil
		}
		return r
	}
	return &Direct{admin: kernel.NewAdmin(), host: host, readOnly: readOnly, record: sync.OnceValue(open)}
}

// do runs one deed, unless nothing may be done.
func (d *Direct) do(deed func() error) error {
	if d.readOnly {
		return ErrReadOnly
	}
	return deed()
}

// remove runs a deed that takes an object away, and writes into the journal what it was and by which command line it
// can be told.
func (d *Direct) remove(ref schema.Ref, command, id string, deed func() error) error {
	if d.readOnly {
		return ErrReadOnly
	}
	step := &Step{Ref: ref, Equivalent: command + " " + schema.ShellQuote(id), object: d.facts(ref)}
	if err := deed(); err != nil {
		return err
	}
	if r := d.record(); r != nil {
		// The deed is done whether or not its line can be written.
		_ = r.result(Result{Step: step, Outcome: Done, Says: "removed"})
	}
	return nil
}

// facts are those of a System V object, as far as they can be read.
func (d *Direct) facts(ref schema.Ref) facts {
	switch ref.Kind {
	case schema.Msg:
		if q, err := d.host.MsgStat(int(ref.ID)); err == nil {
			return msgFacts(q, false)
		}
	case schema.Sem:
		if s, err := d.host.SemStat(int(ref.ID)); err == nil {
			return semFacts(s, 0, false)
		}
	case schema.Shm:
		if s, err := d.host.ShmStat(int(ref.ID)); err == nil {
			return shmFacts(s)
		}
	}
	return nil
}

// Remove removes the System V object with an id, whatever its life (IPC_RMID).
func (d *Direct) Remove(kind schema.Kind, id int) error {
	ref, text := schema.Ref{Kind: kind, ID: uint64(uint32(id))}, strconv.Itoa(id)
	switch kind {
	case schema.Msg:
		return d.remove(ref, "ipcrm -q", text, func() error { return d.admin.MsgRemove(id) })
	case schema.Sem:
		return d.remove(ref, "ipcrm -s", text, func() error { return d.admin.SemRemove(id) })
	case schema.Shm:
		return d.remove(ref, "ipcrm -m", text, func() error { return d.admin.ShmRemove(id) })
	}
	return fmt.Errorf("remove %s %d: no System V object", kind, id)
}

// Find gives the id of the System V object that a key has now.
func (d *Direct) Find(kind schema.Kind, key uint32) (int, error) {
	switch kind {
	case schema.Msg:
		return d.admin.MsgGet(key, 0)
	case schema.Sem:
		return d.admin.SemGet(key, 0, 0)
	case schema.Shm:
		return d.admin.ShmGet(key, 0, 0)
	}
	return 0, fmt.Errorf("find %s with key 0x%08x: no System V object", kind, key)
}

// Create makes a System V object with a key that no other has, drawn from random, and gives its id. size is a
// segment's bytes or a set's semaphores. mode holds permission bits and whatever other flags msgget and its like
// take.
func (d *Direct) Create(kind schema.Kind, size uint64, mode int, random func() uint32) (id int, err error) {
	flags := mode | sysv.IPCCreat | sysv.IPCExcl
	err = d.do(func() error {
		for {
			var err error
			key := random()
			switch kind {
			case schema.Msg:
				id, err = d.admin.MsgGet(key, flags)
			case schema.Sem:
				id, err = d.admin.SemGet(key, int(size), flags)
			case schema.Shm:
				id, err = d.admin.ShmGet(key, size, flags)
			default:
				err = fmt.Errorf("create %s: no System V object", kind)
			}
			if !errors.Is(err, syscall.EEXIST) { // else somebody has that key: draw another
				return err
			}
		}
	})
	return id, err
}

// posixRef names a POSIX object as snapshots do: with the slash that command lines may leave out.
func posixRef(kind schema.Kind, name string) schema.Ref {
	return schema.Ref{Kind: kind, Name: "/" + strings.TrimPrefix(name, "/")}
}

// RemovePosixMsg is mq_unlink: the name goes, the object when nobody has it open any more.
func (d *Direct) RemovePosixMsg(name string) error {
	return d.remove(posixRef(schema.PMsg, name), "ipcrm --posix-mqueue", name,
		func() error { return d.admin.PosixMsgRemove(name) })
}

// RemovePosixSem is sem_unlink.
func (d *Direct) RemovePosixSem(name string) error {
	return d.remove(posixRef(schema.PSem, name), "ipcrm --posix-semaphore", name,
		func() error { return d.admin.PosixSemRemove(name) })
}

// RemovePosixShm is shm_unlink.
func (d *Direct) RemovePosixShm(name string) error {
	return d.remove(posixRef(schema.PShm, name), "ipcrm --posix-shmem", name,
		func() error { return d.admin.PosixShmRemove(name) })
}

// CreatePosixMsg makes a POSIX message queue; EEXIST if the name is taken.
func (d *Direct) CreatePosixMsg(name string, mode uint32) error {
	return d.do(func() error { return d.admin.PosixMsgCreate(name, mode) })
}

// CreatePosixSem makes a named semaphore with value 0; EEXIST if the name is taken.
func (d *Direct) CreatePosixSem(name string, mode uint32) error {
	return d.do(func() error { return d.admin.PosixSemCreate(name, 0, mode) })
}

// CreatePosixShm makes POSIX shared memory of so many bytes; EEXIST if the name is taken.
func (d *Direct) CreatePosixShm(name string, size uint64, mode uint32) error {
	return d.do(func() error { return d.admin.PosixShmCreate(name, size, mode) })
}
