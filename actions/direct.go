package actions

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// Direct does single deeds at once: no plan, no question, no journal. It is for command lines whose users have named the object
// and expect nothing but the deed: ipcrm and ipcmk. Everything else goes through a Planner.
// Errors hold the call's errno.
type Direct struct {
	admin    *kernel.Admin
	readOnly bool
}

// NewDirect returns a Direct; a read-only one refuses everything with ErrReadOnly.
func NewDirect(readOnly bool) *Direct {
	return &Direct{admin: kernel.NewAdmin(), readOnly: readOnly}
}

// do runs one deed, unless nothing may be done.
func (d *Direct) do(deed func() error) error {
	if d.readOnly {
		return ErrReadOnly
	}
	return deed()
}

// Remove removes the System V object with an id, whatever its life (IPC_RMID).
func (d *Direct) Remove(kind schema.Kind, id int) error {
	return d.do(func() error {
		switch kind {
		case schema.Msg:
			return d.admin.MsgRemove(id)
		case schema.Sem:
			return d.admin.SemRemove(id)
		case schema.Shm:
			return d.admin.ShmRemove(id)
		}
		return fmt.Errorf("remove %s %d: no System V object", kind, id)
	})
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

// Create makes a System V object with a key that no other has, drawn from random, and gives its id. size is a segment's bytes or
// a set's semaphores. mode holds permission bits and whatever other flags msgget and its like take.
func (d *Direct) Create(kind schema.Kind, size uint64, mode int, random func() uint32) (id int, err error) {
	flags := mode | kernel.IPCCreat | kernel.IPCExcl
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

// RemovePosixMsg is mq_unlink: the name goes, the object when nobody has it open any more.
func (d *Direct) RemovePosixMsg(name string) error {
	return d.do(func() error { return d.admin.PosixMsgRemove(name) })
}

// RemovePosixSem is sem_unlink.
func (d *Direct) RemovePosixSem(name string) error {
	return d.do(func() error { return d.admin.PosixSemRemove(name) })
}

// RemovePosixShm is shm_unlink.
func (d *Direct) RemovePosixShm(name string) error {
	return d.do(func() error { return d.admin.PosixShmRemove(name) })
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
