package actions

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// owner takes the facts that all POSIX objects have.
func (o *savedObject) owner(name string, f vfs.PosixFile) {
	o.Name, o.UID, o.GID, o.Perms = []byte(name), f.UID, f.GID, f.Perms()
	o.Dev = f.Dev
}

// savePosix saves a POSIX object of our own IPC namespace and /dev/shm.
func (s *survey) savePosix(st *Step, file vfs.PosixFile) {
	if st.Ref.Space != 0 {
		return // see mayKeep
	}
	switch st.Ref.Kind {
	case schema.PShm:
		s.savePosixShm(st, file)
	case schema.PSem:
		s.savePosixSem(st)
	case schema.PMsg:
		s.savePosixMsg(st)
	}
	if st.back != nil {
		st.back.same = func() error {
			now, err := posixKinds()[st.Ref.Kind].stat(s.host, st.Ref.Name)
			if err != nil || now.Dev == file.Dev && now.Ino == file.Ino {
				return err
			}
			return &changedError{[]string{fmt.Sprintf("inode was %d, is %d", file.Ino, now.Ino)}}
		}
	}
}

// savePosixShm saves what a file of /dev/shm holds.
func (s *survey) savePosixShm(st *Step, file vfs.PosixFile) {
	name := st.Ref.Name
	err := error(nil)
	switch held := min(file.Size, file.Allocated); {
	case file.Size == 0:
	case held > s.saving.limit():
		err = fmt.Errorf("%w (%s)", errTooLarge, schema.Counted(held, "byte"))
	default:
		var f *os.File
		if f, err = s.host.OpenPosixShm(name, file.Dev, file.Ino); err == nil {
			f.Close()
		}
	}
	switch {
	case err != nil:
		st.lacks("what it holds", err)
	case st.Live:
		st.Unsaved = append(st.Unsaved, writtenLater)
	}
	st.back = &wayBack{save: func(o *kept) error {
		now, statErr := s.host.PosixShmStat(name)
		if statErr != nil {
			return statErr
		}
		o.owner(name, now)
		o.Size = now.Size
		o.Unsaved = strings.Join(st.Unsaved, "; ")
		if err != nil {
			return nil
		}
		f, err := s.host.OpenPosixShm(name, file.Dev, file.Ino)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := o.open(); err != nil {
			return err
		}
		if err := o.data.copyFile(f, now.Size); err != nil {
			return err
		}
		return o.closeData()
	}}
}

// savePosixSem saves the value of a named semaphore.
func (s *survey) savePosixSem(st *Step) {
	name := st.Ref.Name
	value := func() (posix.Sem, error) {
		all, err := s.host.AllPosixSems(true)
		if err != nil {
			return posix.Sem{}, err
		}
		for _, one := range all {
			if "/"+one.Name != name {
				continue
			}
			switch {
			case one.Denied:
				return one, syscall.EACCES
			case !one.HasValue:
				return one, errors.Join(errors.New("its value could not be read"), one.Unread)
			}
			return one, nil
		}
		return posix.Sem{}, goneError("it is gone")
	}
	if _, err := value(); err != nil {
		st.lacks("it cannot be made again, since its value is not known", err)
		return
	}
	st.back = &wayBack{save: func(o *kept) error {
		now, err := value()
		if err != nil {
			return err
		}
		o.owner(name, now.PosixFile)
		o.Value = now.Value
		return nil
	}}
}

// savePosixMsg saves a queue. No call copies its messages: they can only be received. If nobody uses the queue, the
// deed does that when the name is gone: see drain.
func (s *survey) savePosixMsg(st *Step) {
	name, live := st.Ref.Name, st.Live
	q, err := s.host.PosixQueueStat(name)
	if err == nil && !q.HasAttr {
		err = syscall.EACCES
	}
	if err != nil {
		st.lacks("it cannot be made again, since its size is not known", err)
		return
	}
	if live {
		st.Unsaved = append(st.Unsaved, "its messages: only those of a queue that nobody uses can be taken out")
	}
	late := (*kept)(nil)
	st.back = &wayBack{save: func(o *kept) error {
		now, err := s.host.PosixQueueStat(name)
		if err != nil {
			return err
		}
		if now.Ino != q.Ino {
			return nil // the deed says what changed
		}
		o.owner(name, now.PosixFile)
		o.MaxMsg, o.MsgSize = now.MaxMsg, now.MsgSize
		o.Unsaved = strings.Join(st.Unsaved, "; ")
		if live || now.Messages == 0 {
			return nil
		}
		if err := o.open(); err != nil {
			return err
		}
		late = o
		return o.reserve(uint64(now.MaxMsg * now.MsgSize))
	}}
	plain := st.do
	st.do = func() (string, error) {
		if late == nil {
			return plain()
		}
		// Opened before the removal, it is the way to the queue after it.
		fd, err := s.admin.MqOpen(name, os.O_RDONLY|syscall.O_NONBLOCK, 0, nil)
		if err != nil {
			return "", err
		}
		f := os.NewFile(uintptr(fd), name)
		defer f.Close()
		says, err := plain()
		if err != nil {
			return says, err
		}
		if err := s.drain(late, int(f.Fd())); err != nil {
			late.Unsaved = err.Error()
		}
		return says, nil
	}
}

// drain takes the messages out of a queue that has no name any more. Nobody else reaches it.
func (s *survey) drain(o *kept, fd int) error {
	for {
		data, priority, err := s.admin.MqReceive(fd, int(o.MsgSize))
		if errors.Is(err, syscall.EAGAIN) {
			return nil
		}
		if err != nil {
			return err
		}
		o.Messages++
		if err := o.data.put(uint64(priority), data); err != nil {
			return err
		}
	}
}

// mayKeep is the reason why nothing of an object is saved; "": it can be saved.
func (s *survey) mayKeep(st *Step) string {
	switch {
	case s.saving.Off, isPath(st.Ref.Kind):
		return ""
	case st.Ref.Space != 0 && inIPCNamespace(st.Ref.Kind):
		return "it cannot be made again from here: it is in another IPC namespace"
	case st.Ref.Space != 0:
		return "it cannot be made again from here: it is in another /dev/shm"
	}
	return ""
}

// noteSaving tells once for the plan what becomes of what it removes.
func (s *survey) noteSaving() {
	s.noteKept(s.mayKeep, "make it again", "makes it again", "; attachments, SEM_UNDO and times do not come back")
}

// noteKept takes the way back from the steps that cannot have one: mayKeep gives the reason. Then it tells once for the
// plan what ipctop undo can do, or does.
func (s *survey) noteKept(mayKeep func(*Step) string, can, does, but string) {
	kept := 0
	for i := range s.plan.Steps {
		st := &s.plan.Steps[i]
		if why := mayKeep(st); why != "" {
			st.back, st.Unsaved = nil, []string{why}
		}
		if s.saving.Off {
			st.back, st.Unsaved = nil, nil
		}
		if st.back != nil {
			kept++
		}
	}
	switch {
	case len(s.plan.Steps) == 0:
	case s.saving.Off:
		s.note("nothing is saved, so that ipctop undo cannot " + can)
	case kept > 0:
		s.note("ipctop undo " + does + " within " + ageWords(s.saving.keep()) + but)
	}
}
