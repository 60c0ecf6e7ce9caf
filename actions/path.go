package actions

import (
	"errors"
	"fmt"
	"io/fs"

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
	st.Victim = fmt.Sprintf("%s %s (owner %s)", what, file.Name, s.users.User(file.UID))
	st.Says = fmt.Sprintf("%s is unlinked; nobody uses it (%s)", st.Victim, undo)
	if j := leaks.VerdictOf(o); j == nil || j.Verdict == relate.Unknown {
		st.Affected = []string{"whoever uses it unseen: a process that has it open goes on, nobody else can open it"}
		st.Live, st.Confirm = true, file.Name
	}
	same := vfs.SameAs(&file, vfs.CheckOwner|vfs.CheckUse|vfs.CheckCTime)
	st.do = func() (string, error) {
		err := s.admin.PathRemoveSame(file.Name, same)
		if !errors.Is(err, vfs.ErrChanged) {
			return "removed", err
		}
		now, err := vfs.StatFile(file.Name)
		if err != nil {
			return "", err
		}
		now.Name = file.Name
		return "", st.object.changed(pathFacts(now))
	}
	s.stillStale(r.Kind)
	return st, nil
}

// stillStale makes the plan ask again, right before the deeds, whether nobody uses the files of a kind.
func (s *survey) stillStale(kind schema.Kind) {
	if s.because[kind] {
		return
	}
	s.because[kind] = true
	s.plan.Because(Reason{
		Want: map[schema.Kind]schema.Need{kind: removalLists(collect.MechanismOf(kind))},
		Lost: func(snap *collect.Snapshot, r schema.Ref) string {
			if r.Kind != kind {
				return ""
			}
			o := snap.Find(r)
			if o == nil {
				return "nobody used it, and now somebody may"
			}
			if _, stale := leaks.StaleFile(o); !stale {
				return "nobody had it open, and now somebody has"
			}
			return ""
		},
	})
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
