package actions

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// setPosix plans to change the file of a POSIX object. All who open the object go through the file's permissions.
func (s *setter) setPosix(r schema.Ref) (Step, error) {
	if r.Name == "" {
		return Step{}, refuse("it has no name any more, so that nobody else can open it")
	}
	access, file, err := s.shownFile(r, "")
	if err != nil {
		return Step{}, err
	}
	c, to, commands := &change{}, vfs.FileChange{}, []string(nil)
	path := schema.ShellQuote(access.path + strings.TrimPrefix(r.Name, "/"))
	command := func(format string, args ...any) {
		commands = append(commands, fmt.Sprintf(format, args...)+" "+path)
	}
	st := Step{Ref: r}
	holders := holderUses(s.ends(r))
	uses, hidden := posixUses(s.ends(r))
	if s.to.Size != nil && *s.to.Size != file.Size {
		to.Size = s.to.Size
		c.add("size", file.Size, *to.Size)
		command("truncate -s %d", *to.Size)
		if *to.Size < file.Size {
			st.Affected = append(st.Affected, "the last "+areLost(file.Size-*to.Size, "byte"))
		}
	}
	if perms := file.Perms(); s.to.Perms != nil && *s.to.Perms != perms {
		to.Perms = s.to.Perms
		c.add("perms", octal(perms), octal(*to.Perms))
		command("chmod %v", octal(*to.Perms))
	}
	if s.to.UID != nil && *s.to.UID != file.UID {
		to.UID = s.to.UID
		c.add("owner", s.users.User(file.UID), s.users.User(*to.UID))
		command("chown %d", *to.UID)
	}
	if s.to.GID != nil && *s.to.GID != file.GID {
		to.GID = s.to.GID
		c.add("group", s.users.Group(file.GID), s.users.Group(*to.GID))
		command("chgrp %d", *to.GID)
	}
	if len(c.words) == 0 {
		return Step{}, refuse("it has these values already")
	}
	if err := s.mayChange(file.UID); err != nil {
		return Step{}, err
	}
	st.Victim = s.namedFile(r, file)
	st.Says = access.where + st.Victim + ": " + strings.Join(c.words, ", ")
	st.Equivalent = strings.Join(commands, " && ")
	shrinks := to.Size != nil && *to.Size < file.Size
	for _, u := range holders {
		who := u.says
		if shrinks {
			who += ": it gets SIGBUS where it touches what is cut off"
		} else {
			who += ": it goes on with what it has open"
		}
		st.Affected = append(st.Affected, who)
	}
	if hidden {
		s.note(s.unseen("fd", "maps") + " may use these objects unseen")
	}
	if shrinks {
		st.Unsaved = append(st.Unsaved, "what is cut off")
	}
	st.back = s.setBack(fileSettings(file), func(o *kept) { o.owner(r.Name, file); o.Inode = file.Ino })
	idle := shrinks && len(holders) == 0 && !hidden
	if shrinks && !idle {
		st.Live, st.Confirm = true, nameToType(r.Name, file.Ino)
	}
	if shrinks { // a user whom the plan did not show would get SIGBUS
		s.posixReason(r, uses, hidden)
	}
	to.Unused = idle
	st.object = setFacts(r.Name, file, idle)
	st.do = st.object.ifUnchanged(func() (facts, error) {
		now, err := access.stat(r.Name)
		return setFacts(r.Name, now, idle), err
	}, func() error {
		err := access.change(r.Name, file.Dev, file.Ino, to)
		if errors.Is(err, vfs.ErrUsed) {
			return errUsed
		}
		return err
	}, strings.Join(c.words, ", "))
	return st, nil
}

// setFacts guards what the plan said of a file. A write to a file that is idle and loses its end proves a user.
func setFacts(name string, f vfs.PosixFile, idle bool) facts {
	return facts{
		{"name", name, true}, {"dev", f.Dev, true}, {"inode", f.Ino, true}, {"uid", f.UID, true}, {"gid", f.GID, true},
		{"mode", octal(f.Perms()), true}, {"size", f.Size, true},
		{"mtime", f.MTime.UTC().Format(time.RFC3339Nano), idle},
	}
}
