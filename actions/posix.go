package actions

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// posixKind holds the differences between the removals of POSIX queues, semaphores and shared memory.
type posixKind struct {
	what       string // "message queue"
	equivalent string // the option of util-linux 2.41's ipcrm, before the name
	stat       func(*kernel.Host, string) (vfs.PosixFile, error)
	remove     func(*kernel.Admin, string, vfs.Same) error
	place      string // path of the file up to the name, which comes without its slash
	// The same in the /dev/shm of another mount namespace; nil for queues, whose IPC namespace is visited.
	statIn   func(posix.ShmDir, string) (vfs.PosixFile, error)
	removeIn func(*kernel.Admin, posix.ShmDir, string, vfs.Same) error
	// The change of owner, group, permissions and size, here and there.
	change   func(*kernel.Admin, string, uint64, uint64, vfs.FileChange) error
	changeIn func(*kernel.Admin, posix.ShmDir, string, uint64, uint64, vfs.FileChange) error
}

func posixKinds() map[schema.Kind]posixKind {
	return map[schema.Kind]posixKind{
		schema.PMsg: {"POSIX message queue", "--posix-mqueue ",
			func(h *kernel.Host, name string) (vfs.PosixFile, error) {
				q, err := h.PosixQueueStat(name)
				return q.PosixFile, err
			}, (*kernel.Admin).PosixMsgRemoveSame, "/dev/mqueue/", nil, nil,
			(*kernel.Admin).PosixMsgChange, nil},
		schema.PSem: {"POSIX semaphore", "--posix-semaphore ", (*kernel.Host).PosixSemStat,
			(*kernel.Admin).PosixSemRemoveSame, "/dev/shm/sem.", posix.ShmDir.SemStat,
			(*kernel.Admin).PosixSemRemoveIn, (*kernel.Admin).PosixSemChange, (*kernel.Admin).PosixSemChangeIn},
		schema.PShm: {"POSIX shared memory", "--posix-shmem ", (*kernel.Host).PosixShmStat,
			(*kernel.Admin).PosixShmRemoveSame, "/dev/shm/", posix.ShmDir.ShmStat, (*kernel.Admin).PosixShmRemoveIn,
			(*kernel.Admin).PosixShmChange, (*kernel.Admin).PosixShmChangeIn},
	}
}

// posixAccess is how a plan reaches one object: by its name here, or in the /dev/shm of another mount namespace.
type posixAccess struct {
	stat       func(name string) (vfs.PosixFile, error)
	remove     func(name string, same vfs.Same) error
	change     func(name string, dev, ino uint64, c vfs.FileChange) error
	equivalent string // the command up to the name
	path       string // of the file up to the name
	where      string // begins the sentence of the step; "": here
}

// access finds the way to an object. Every call opens the other /dev/shm again and compares it with the one that was
// shown.
func (s *survey) access(r schema.Ref) (posixAccess, error) {
	kind := posixKinds()[r.Kind]
	if r.Space == 0 || kind.statIn == nil {
		return posixAccess{
			stat:   func(name string) (vfs.PosixFile, error) { return kind.stat(s.host, name) },
			remove: func(name string, same vfs.Same) error { return kind.remove(s.admin, name, same) },
			change: func(name string, dev, ino uint64, c vfs.FileChange) error {
				return kind.change(s.admin, name, dev, ino, c)
			},
			equivalent: "ipcrm " + kind.equivalent, path: kind.place,
		}, nil
	}
	o := s.snap.Find(r)
	if o == nil || kinds.ShmSpaceOf(o) == nil {
		return posixAccess{}, goneError("no process that can be seen from here has it in its /dev/shm any " +
			"more: look again")
	}
	way := kinds.ShmSpaceOf(o).Way
	path := way.String() + strings.TrimPrefix(kind.place, "/dev/shm")
	return posixAccess{
		stat: func(name string) (f vfs.PosixFile, err error) {
			err = s.host.VisitShm(way, func(d posix.ShmDir) (err error) { f, err = kind.statIn(d, name); return err })
			return f, err
		},
		remove: func(name string, same vfs.Same) error {
			return s.host.VisitShm(way, func(d posix.ShmDir) error { return kind.removeIn(s.admin, d, name, same) })
		},
		change: func(name string, dev, ino uint64, c vfs.FileChange) error {
			return s.host.VisitShm(way, func(d posix.ShmDir) error {
				return kind.changeIn(s.admin, d, name, dev, ino, c)
			})
		},
		equivalent: "rm " + path, path: path,
		where: fmt.Sprintf("in the /dev/shm of %s: ",
			cmp.Or(kinds.LeaderOf(o).Str(), fmt.Sprintf("process %d", way.PID))),
	}, nil
}

// removePosix plans to remove a name. The object lives on until its last user is done (shm_unlink(3), sem_unlink(3),
// mq_unlink(3)). The removal wakes nobody.
func (s *survey) removePosix(r schema.Ref) (Step, error) {
	if r.Name == "" {
		return Step{}, refuse("it has no name any more and goes away with the last process that uses it: "+
			"end those with ipctop signal TERM --to holders %s", r)
	}
	access, file, err := s.shownFile(r, " and remove it with rm or rmdir")
	if err != nil {
		return Step{}, err
	}
	if err := s.mayChange(file.UID); err != nil {
		return Step{}, err
	}
	name := r.Name
	if access.where != "" {
		name = file.Name // after the path of the directory
	}
	st := Step{Ref: r, Equivalent: access.equivalent + schema.ShellQuote(name)}
	s.posixUsers(&st)
	content, contentLost := s.posixContent(r, file)
	st.Victim = s.namedFile(r, file)
	st.Says = access.where + st.Victim + " loses its name; "
	if st.Live {
		st.Says += "it goes away, and its memory is free, when the last process that uses it has closed and " +
			"unmapped it; until then they go on, apart from those that open it later"
		st.Confirm = nameToType(r.Name, file.Ino)
	} else {
		st.Says += "nobody uses it, so that it is gone at once" + contentLost
	}
	st.object = posixFacts(r, file, content, !st.Live)
	says := "removed"
	if st.Live {
		says = "its name is gone; its memory is free when the last process that uses it is done"
	}
	s.guardPosix(&st, file, content, access, says)
	s.savePosix(&st, file)
	return st, nil
}

// shownFile reads the file of an object. It refuses another file than the one that was shown, and a file that no POSIX
// call has made; instead ends that advice.
func (s *survey) shownFile(r schema.Ref, instead string) (access posixAccess, file vfs.PosixFile, err error) {
	if access, err = s.access(r); err != nil {
		return access, file, err
	}
	file, err = access.stat(r.Name)
	switch {
	case err != nil:
	case file.Ino != r.Gen:
		err = goneError(fmt.Sprintf("it is not the object that was shown: inode was %d, is %d: look at it again", r.Gen,
			file.Ino))
	case !file.Mode.IsRegular():
		err = refuse("it is no regular file, so that no POSIX call has made it: look at %s%s%s", access.path, file.Name,
			instead)
	}
	return access, file, err
}

// mayChange foresees the kernel's answer for a file with an owner (unlink(2) below a sticky directory, chmod(2),
// chown(2)).
func (s *survey) mayChange(uid uint32) error {
	if me := uint32(sys.EffectiveUID()); me != uid && me != 0 {
		return refuse("permission denied: it belongs to %s: needs root or the owner", s.users.User(uid))
	}
	return nil
}

// namedFile describes a POSIX object in words: "POSIX shared memory /x (owner alice)".
func (s *survey) namedFile(r schema.Ref, file vfs.PosixFile) string {
	return fmt.Sprintf("%s %s (owner %s)", posixKinds()[r.Kind].what, r.Name, s.users.User(file.UID))
}

// errUsed is the kernel's word that somebody uses a file that was idle.
var errUsed = &changedError{[]string{"nobody used it, and now somebody has it open or mapped"}}

// guardPosix sets the deed. access.remove takes the last look at the file. The number of messages of an idle queue is
// no property of its file, and is read before.
func (s *survey) guardPosix(st *Step, file vfs.PosixFile, content uint64, access posixAccess, says string) {
	r, idle := st.Ref, !st.Live
	checks := vfs.CheckOwner
	if idle {
		checks |= vfs.CheckUse
	}
	if idle && r.Kind != schema.PMsg { // a look into the file of a queue changes its ctime
		checks |= vfs.CheckCTime | vfs.CheckUnused
	}
	same := vfs.SameAs(&file, checks)
	change := func() error {
		now, err := access.stat(r.Name)
		if err != nil {
			return err
		}
		content, _ := s.posixContent(r, now)
		return st.object.changed(posixFacts(r, now, content, idle))
	}
	st.do = func() (string, error) {
		if r.Kind == schema.PMsg && idle {
			if now, _ := s.posixContent(r, file); now != content {
				return "", change()
			}
		}
		err := access.remove(r.Name, same)
		switch {
		case errors.Is(err, vfs.ErrChanged):
			return "", change()
		case errors.Is(err, vfs.ErrUsed):
			return "", errUsed
		}
		return says, err
	}
}

// posixUsers adds the users of the object. The step is live if there is a user, or may be one.
func (s *survey) posixUsers(st *Step) {
	uses, hidden := posixUses(s.ends(st.Ref))
	for _, u := range uses {
		st.Affected = append(st.Affected, u.says)
	}
	st.Live = len(uses) > 0 || hidden
	if hidden {
		s.note(s.unseen("fd", "maps") + " may use these objects unseen")
	}
	s.posixReason(st.Ref, uses, hidden)
}

// posixContent returns a number that changes with use of the object, and a text for the data that a removal loses.
func (s *survey) posixContent(r schema.Ref, file vfs.PosixFile) (content uint64, lost string) {
	switch r.Kind {
	case schema.PMsg:
		if q, err := s.host.PosixQueueStat(r.Name); err == nil && q.HasAttr {
			return uint64(q.Messages), "; its " + areLost(uint64(q.Messages), "message")
		}
		return 0, ""
	case schema.PShm:
		return file.Size, "; its " + areLost(file.Size, "byte")
	}
	return file.Size, ""
}

// posixFacts guards the content of an object if the plan showed it as idle: any change since then proves a user.
func posixFacts(r schema.Ref, f vfs.PosixFile, content uint64, idle bool) facts {
	return facts{
		{"name", r.Name, true}, {"dev", f.Dev, true}, {"inode", f.Ino, true}, {"uid", f.UID, true},
		{"gid", f.GID, true},
		{"mode", octal(f.Perms()), true}, {"size", f.Size, idle}, {"content", content, idle},
		{"mtime", moment(f.MTime.Unix()), idle}, {"ctime", moment(f.CTime.Unix()), idle && r.Kind != schema.PMsg},
	}
}

// nameToType is the word that confirms a deed on a named object: its name, or its inode number if the name is long.
func nameToType(name string, inode uint64) string {
	const most = 40
	if len(name) > most {
		return strconv.FormatUint(inode, 10)
	}
	return name
}
