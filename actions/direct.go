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

// Direct does single deeds at once, without a plan and without a question. ipcrm and ipcmk use it: their user has named
// the object on the command line, and a script must not meet a question. All other changes go through a Planner. After
// a removal, Direct writes the object into the journal. A journal that cannot be written is no failure here: scripts
// for ipcrm do not know of a journal. Errors wrap the call's errno.
type Direct struct {
	admin    *kernel.Admin
	host     *kernel.Host
	readOnly bool
	record   func() *record // opens the journal at the first removal; nil if that fails
}

// NewDirect returns a Direct. A read-only Direct refuses everything with ErrReadOnly. The first removal calls journal.
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

// allowed returns ErrReadOnly, or an error if standard output and standard error are closed.
func (d *Direct) allowed() error {
	if d.readOnly {
		return ErrReadOnly
	}
	return heard(1)
}

// do runs one deed, if it is allowed.
func (d *Direct) do(deed func() error) error {
	if err := d.allowed(); err != nil {
		return err
	}
	return deed()
}

// remove runs a deed that removes an object. Then it writes the object and the command line of the same deed into the
// journal.
func (d *Direct) remove(ref schema.Ref, command, id string, deed func() error) error {
	if err := d.allowed(); err != nil {
		return err
	}
	step := &Step{Ref: ref, Equivalent: command + " " + schema.ShellQuote(id), object: d.facts(ref)}
	if err := deed(); err != nil {
		return err
	}
	if r := d.record(); r != nil {
		// The deed is done, even if the journal cannot take its line.
		_ = r.result(Result{Step: step, Outcome: Done, Says: "removed"})
	}
	return nil
}

// facts returns the facts of a System V object; nil if they cannot be read.
func (d *Direct) facts(ref schema.Ref) facts {
	switch ref.Kind {
	case schema.Msg:
		if q, err := d.host.MsgStat(int(ref.ID)); err == nil {
			return msgFacts(q, false)
		}
	case schema.Sem:
		if s, err := d.host.SemStat(int(ref.ID)); err == nil {
			return semFacts(s, nil, false)
		}
	case schema.Shm:
		if s, err := d.host.ShmStat(int(ref.ID)); err == nil {
			return shmFacts(s)
		}
	}
	return nil
}

// Remove removes the System V object that has this id now (IPC_RMID). It does not compare ctimes.
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

// Find returns the id of the System V object that has this key now.
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

// Create makes a System V object with an unused key, and returns its id. random draws keys until one is free. size is
// the bytes of a segment or the number of semaphores of a set. mode holds permission bits and other flags of msgget(2),
// semget(2) or shmget(2).
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
			if !errors.Is(err, syscall.EEXIST) { // EEXIST: another object has this key; draw the next
				return err
			}
		}
	})
	return id, err
}

// posixRef is the Ref of a POSIX object, as in a snapshot. A command line may leave out the slash; a Ref has it.
func posixRef(kind schema.Kind, name string) schema.Ref {
	return schema.Ref{Kind: kind, Name: "/" + strings.TrimPrefix(name, "/")}
}

// RemovePosixMsg removes the name of a queue (mq_unlink(3)). The kernel frees the queue after the last close.
func (d *Direct) RemovePosixMsg(name string) error {
	return d.remove(posixRef(schema.PMsg, name), "ipcrm --posix-mqueue", name,
		func() error { return d.admin.PosixMsgRemove(name) })
}

// RemovePosixSem removes the name of a semaphore (sem_unlink(3)).
func (d *Direct) RemovePosixSem(name string) error {
	return d.remove(posixRef(schema.PSem, name), "ipcrm --posix-semaphore", name,
		func() error { return d.admin.PosixSemRemove(name) })
}

// RemovePosixShm removes the name of shared memory (shm_unlink(3)).
func (d *Direct) RemovePosixShm(name string) error {
	return d.remove(posixRef(schema.PShm, name), "ipcrm --posix-shmem", name,
		func() error { return d.admin.PosixShmRemove(name) })
}

// CreatePosixMsg makes a POSIX message queue. The error is EEXIST if the name is taken.
func (d *Direct) CreatePosixMsg(name string, mode uint32) error {
	return d.do(func() error { return d.admin.PosixMsgCreate(name, mode) })
}

// CreatePosixSem makes a named semaphore with value 0. The error is EEXIST if the name is taken.
func (d *Direct) CreatePosixSem(name string, mode uint32) error {
	return d.do(func() error { return d.admin.PosixSemCreate(name, 0, mode) })
}

// CreatePosixShm makes POSIX shared memory of size bytes. The error is EEXIST if the name is taken.
func (d *Direct) CreatePosixShm(name string, size uint64, mode uint32) error {
	return d.do(func() error { return d.admin.PosixShmCreate(name, size, mode) })
}
