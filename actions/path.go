package actions

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// A FIFO that nobody has open, and a path that no UNIX socket is bound to, are files: a removal unlinks them. A FIFO or
// socket in use goes away with its holders, so the plan refuses it.

// isPath is true for the kinds whose removable objects are files without users.
func isPath(k schema.Kind) bool { return k == schema.Fifo || k == schema.Unix }

// CanRemove is true for an object that a removal can end. Removable tells the same about its kind.
func CanRemove(o *schema.Object) bool {
	if !isPath(o.Ref.Kind) {
		return Removable(o.Ref.Kind)
	}
	_, stale := leaks.StaleFile(o)
	return stale
}

// removalLists returns the needs without which the removable objects of a kind are not listed. The kernel lists no
// files without users: ipctop searches directories.
func removalLists(m *kinds.Mechanism) schema.Need {
	if isPath(m.Kind) {
		return m.NeedsOf(leaks.IDs())
	}
	return 0
}

// removePath plans to unlink a file without users.
func (s *survey) removePath(r schema.Ref) (Step, error) {
	o := s.snap.Find(r)
	if o == nil {
		return Step{}, goneError("it is gone, or another object has its number: look at it again")
	}
	file, stale := leaks.StaleFile(o)
	if !stale {
		return Step{}, refuse("it is in use: %s", insteadOfRemoving(r))
	}
	st := Step{Ref: r, Equivalent: leaks.Removal(o), object: pathFacts(file)}
	what, undo := "FIFO", fmt.Sprintf("to undo: mkfifo -m %v, then chown %d:%d", octal(file.Mode&fs.ModePerm), file.UID,
		file.GID)
	if file.Mode.Type() == fs.ModeSocket {
		what, undo = "socket path", "no undo: only the program that binds it makes it again"
	}
	st.Says = fmt.Sprintf("%s %s (owner %s) is unlinked; nobody uses it (%s)", what, file.Name,
		s.users.User(file.UID), undo)
	if j := leaks.VerdictOf(o); j == nil || j.Verdict == relate.Unknown {
		st.Affected = []string{"whoever uses it unseen: a process that has it open goes on, nobody else can open it"}
		st.Live, st.Confirm = true, file.Name
	}
	st.do = st.object.ifUnchanged(func() (facts, error) {
		now, err := vfs.StatFile(file.Name)
		if err != nil {
			return nil, err
		}
		if used := s.usedSince(r); used != "" {
			return nil, &changedError{[]string{used}}
		}
		now.Name = file.Name
		return pathFacts(now), nil
	}, func() error { return s.admin.PathRemoveSame(file.Name, file.Dev, file.Ino) }, "removed")
	return st, nil
}

// pathFacts guards every fact: a file without users does not change. A recycled inode number has another ctime.
func pathFacts(f vfs.PosixFile) facts {
	return facts{
		{"path", f.Name, true}, {"type", kinds.FileType(f.Mode.Type()), true}, {"dev", f.Dev, true},
		{"inode", f.Ino, true},
		{"uid", f.UID, true}, {"gid", f.GID, true}, {"mode", octal(f.Mode & fs.ModePerm), true},
		{"mtime", moment(f.MTime.Unix()), true}, {"ctime", moment(f.CTime.Unix()), true},
	}
}

// recheckAge is the age from which a second look at the users of files is too old for a deed.
const recheckAge = 200 * time.Millisecond

// recheck is the latest look at the users of files, by kind.
type recheck struct {
	at   time.Time
	snap *collect.Snapshot
}

// usedSince tells in words that somebody uses a file since the plan; "": nobody does. One look serves the deeds of its
// next 200 milliseconds: each look reads all processes.
func (s *survey) usedSince(r schema.Ref) string {
	look := s.rechecks[r.Kind]
	if look.snap == nil || time.Since(look.at) > recheckAge {
		req := collect.Request{Want: map[schema.Kind]schema.Need{r.Kind: removalLists(s.mechanism(r.Kind))},
			Grace: s.grace}
		look = recheck{time.Now(), collect.New(s.host, s.now, s.settings...).Take(req)}
		s.rechecks[r.Kind] = look
	}
	o := look.snap.Find(r)
	if o == nil {
		return "nobody used it, and now somebody may"
	}
	if _, stale := leaks.StaleFile(o); !stale {
		return "nobody had it open, and now somebody has"
	}
	return ""
}
