package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// step plans to make one object again.
func (u *undoer) step(st *Step, o *savedObject) error {
	switch o.Kind {
	case schema.Msg, schema.Sem, schema.Shm, schema.PMsg, schema.PSem, schema.PShm:
		if o.Before != nil {
			return u.stepSet(st, o)
		}
	}
	switch o.Kind {
	case schema.Msg, schema.Sem, schema.Shm:
		return u.stepSysV(st, o)
	case schema.PMsg, schema.PSem, schema.PShm:
		return u.stepPosix(st, o)
	}
	return refuse("this version of ipctop cannot make it again")
}

// sysvKind holds the differences between the System V kinds.
type sysvKind struct {
	what   string
	stat   func(id int) error
	find   func() error // by the key: nil if an object has it
	get    func(key uint32, flags int) (int, error)
	remove func(id int) error
	fill   func(id int) error         // content, on a new object of ours
	give   func(p sysv.IPCPerm) error // owner, permissions
}

func (u *undoer) sysv(o *savedObject) sysvKind {
	switch o.Kind {
	case schema.Msg:
		return sysvKind{what: "message queue",
			stat:   func(id int) error { _, err := u.host.MsgStat(id); return err },
			find:   func() error { _, err := u.admin.MsgGet(o.Key, 0); return err },
			get:    u.admin.MsgGet,
			remove: u.admin.MsgRemove,
			fill:   func(id int) error { return u.fillMsg(o, id) },
			give: func(p sysv.IPCPerm) error {
				return u.admin.MsgSet(sysv.MsgQueue{IPCPerm: p, QBytes: o.QBytes})
			}}
	case schema.Sem:
		return sysvKind{what: "semaphore set",
			stat: func(id int) error { _, err := u.host.SemStat(id); return err },
			find: func() error { _, err := u.admin.SemGet(o.Key, 0, 0); return err },
			get: func(key uint32, flags int) (int, error) {
				return u.admin.SemGet(key, int(o.NSems), flags)
			},
			remove: u.admin.SemRemove,
			fill: func(id int) error {
				if o.Values == nil {
					return nil
				}
				return u.admin.SemSetValues(id, o.Values)
			},
			give: u.admin.SemSetPerm}
	}
	return sysvKind{what: "shared memory segment",
		stat: func(id int) error { _, err := u.host.ShmStat(id); return err },
		find: func() error { _, err := u.admin.ShmGet(o.Key, 0, 0); return err },
		get: func(key uint32, flags int) (int, error) {
			if o.Huge {
				flags |= sysv.ShmHugeTLB
			}
			return u.admin.ShmGet(key, o.Size, flags)
		},
		remove: u.admin.ShmRemove,
		fill:   func(id int) error { return u.fillShm(o, id) },
		give:   u.admin.ShmSetPerm}
}

func (u *undoer) stepSysV(st *Step, o *savedObject) error {
	kind := u.sysv(o)
	if err := u.free(o, kind); err != nil {
		return err
	}
	sameID := u.maySetID(o)
	key := "private key"
	if o.Key != sysv.KeyPrivate {
		key = "key " + hexKey(o.Key).String()
	}
	st.Says = fmt.Sprintf("%s %d (%s, owner %s) is made again with %s", kind.what, o.ID, key, u.users.User(o.UID),
		o.with())
	if sameID != nil {
		st.Says += "; it gets another id: " + sameID.Error()
	}
	smaller, err := u.fits(o)
	if err != nil {
		return err
	}
	st.Says += smaller
	if me := uint32(sys.EffectiveUID()); o.CUID != me {
		st.Affected = append(st.Affected, fmt.Sprintf("its creator was %s and is %s then", u.users.User(o.CUID),
			u.users.User(me)))
	}
	if me := sys.EffectiveUID(); me != 0 && (int(o.UID) != me) {
		if admin, err := sys.MayAdminIPC(); err == nil && !admin {
			return refuse("permission denied: it belonged to %s: needs root or the owner", u.users.User(o.UID))
		}
	}
	st.do = func() (string, error) {
		if err := u.free(o, kind); err != nil {
			return "", err
		}
		id, err := u.makeSysV(o, kind, sameID == nil)
		switch {
		case err != nil:
			return "", err
		case id != o.ID:
			return fmt.Sprintf("made again, as %s:%d", o.Kind, id), nil
		}
		return "made again", nil
	}
	return nil
}

// free is nil if neither the id nor the key is taken.
func (u *undoer) free(o *savedObject, kind sysvKind) error {
	switch err := kind.stat(o.ID); {
	case err == nil && o.Kind == schema.Shm && u.isDest(o.ID):
		return goneError("its id is taken: the removed segment lives until the last process detaches it")
	case err == nil:
		return goneError("its id is taken by another object")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if o.Key == sysv.KeyPrivate {
		return nil
	}
	switch err := kind.find(); {
	case errors.Is(err, syscall.ENOENT):
		return nil
	case err == nil, errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EINVAL): // EINVAL: of another size
		return goneError(fmt.Sprintf("its key %v is taken by another object", hexKey(o.Key)))
	default:
		return err
	}
}

func (u *undoer) isDest(id int) bool {
	seg, err := u.host.ShmStat(id)
	return err == nil && seg.Dest()
}

// maySetID is the reason why the object cannot get its id; nil: it can.
func (u *undoer) maySetID(o *savedObject) error {
	id, err := u.host.NextID(string(o.Kind))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the kernel takes no wish (no CONFIG_CHECKPOINT_RESTORE)")
	case err != nil:
		return err
	case id >= 0:
		return errors.New("another program restores objects at this moment")
	case !sys.MaySetNextID():
		return errors.New("only root may wish one (CAP_CHECKPOINT_RESTORE)")
	}
	return nil
}

// makeSysV makes an object, at first for us alone. If anything fails, nothing is left of it.
func (u *undoer) makeSysV(o *savedObject, kind sysvKind, sameID bool) (int, error) {
	if sameID {
		if err := u.admin.SetNextID(string(o.Kind), o.ID); err != nil {
			return 0, err
		}
	}
	id, err := kind.get(o.Key, sysv.IPCCreat|sysv.IPCExcl|0o600)
	if err != nil {
		if sameID {
			err = errors.Join(err, u.forgetNextID(o, kind))
		}
		if errors.Is(err, syscall.EEXIST) {
			return 0, goneError(fmt.Sprintf("its key %v is taken by another object by now", hexKey(o.Key)))
		}
		return 0, err
	}
	// The kernel gave the wish to whoever created first. What we made is ours, whatever its id is.
	if sameID && id != o.ID {
		return 0, errors.Join(goneError("its id is taken: another process took it meanwhile, or its place in "+
			"the kernel's table has another object; nothing is left of the new one"),
			kind.remove(id))
	}
	perm := sysv.IPCPerm{ID: id, UID: o.UID, GID: o.GID, Mode: o.Perms}
	err = kind.fill(id)
	if err == nil {
		err = kind.give(perm)
	}
	if err != nil {
		return 0, errors.Join(err, kind.remove(id))
	}
	return id, nil
}

// forgetNextID uses a wish up that nobody took: else the next object of any program would get the id.
func (u *undoer) forgetNextID(o *savedObject, kind sysvKind) error {
	if id, err := u.host.NextID(string(o.Kind)); err != nil || id != o.ID {
		return err
	}
	id, err := kind.get(sysv.KeyPrivate, 0o600)
	if err != nil {
		return err
	}
	return kind.remove(id)
}

func (u *undoer) fillMsg(o *savedObject, id int) error {
	q, err := u.host.MsgStat(id)
	if err != nil {
		return err
	}
	if o.Bytes > q.QBytes || uint64(o.Messages) > q.QBytes { // a queue holds at most qbytes messages: ipc/msg.c
		q.QBytes = o.QBytes
		if err := u.admin.MsgSet(q); err != nil {
			return err
		}
	}
	n := 0
	err = u.content(o, func(mtype uint64, data []byte) error {
		n++
		return u.admin.MsgSend(id, int64(mtype), data, sysv.IPCNoWait)
	})
	if err == nil && n != o.Messages {
		err = fmt.Errorf("%d messages are saved, not %d", n, o.Messages)
	}
	return err
}

func (u *undoer) fillShm(o *savedObject, id int) error {
	if o.Data && o.Bytes > 0 {
		memory, err := u.admin.ShmAttach(id, false)
		if err != nil {
			return err
		}
		err = u.content(o, func(offset uint64, data []byte) error {
			if offset > o.Size || uint64(len(data)) > o.Size-offset {
				return fmt.Errorf("%d bytes at %d are not in a segment of %d: %w", len(data), offset, o.Size,
					syscall.EINVAL)
			}
			copy(memory[offset:], data)
			return nil
		})
		if err = errors.Join(err, u.admin.ShmDetach(memory)); err != nil {
			return err
		}
	}
	if o.Locked {
		return u.admin.ShmLock(id)
	}
	return nil
}

func (u *undoer) stepPosix(st *Step, o *savedObject) error {
	kind := posixKinds()[o.Kind]
	name := string(o.Name)
	taken := func() error {
		switch _, err := kind.stat(u.host, name); {
		case err == nil:
			return goneError("its name is taken by another object")
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		return nil
	}
	if err := taken(); err != nil {
		return err
	}
	st.Says = fmt.Sprintf("%s %s (owner %s) is made again with %s; processes that still use the old one do not see it",
		kind.what, name, u.users.User(o.UID), o.with())
	if me := sys.EffectiveUID(); me != 0 && int(o.UID) != me {
		return refuse("permission denied: it belonged to %s: needs root or the owner", u.users.User(o.UID))
	}
	owner := posix.FileOwner{UID: o.UID, GID: o.GID, Perms: o.Perms}
	st.do = func() (string, error) {
		if err := taken(); err != nil {
			return "", err
		}
		err := u.makePosix(o, name, owner)
		if errors.Is(err, fs.ErrExist) {
			return "", goneError("its name is taken by another object by now")
		}
		return "made again", err
	}
	return nil
}

func (u *undoer) makePosix(o *savedObject, name string, owner posix.FileOwner) error {
	switch o.Kind {
	case schema.PSem:
		return u.admin.PosixSemMake(name, o.Value, owner)
	case schema.PMsg:
		attr := posix.MqAttr{MaxMsg: o.MaxMsg, MsgSize: o.MsgSize}
		return u.admin.PosixMsgMake(name, attr, owner, func(fd int) error {
			return u.content(o, func(priority uint64, data []byte) error {
				return u.admin.MqSend(fd, data, uint(priority))
			})
		})
	}
	return u.admin.PosixShmMake(name, owner, func(f *os.File) error {
		if err := f.Truncate(int64(o.Size)); err != nil {
			return err
		}
		return u.content(o, func(offset uint64, data []byte) error {
			_, err := f.WriteAt(data, int64(offset))
			return err
		})
	})
}
