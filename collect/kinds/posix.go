package kinds

import (
	"io/fs"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PosixRow is what POSIX queues, semaphores and shared memory have in common: they are files.
type PosixRow struct {
	vfs.PosixFile
	FullName    string       // "/name", or where a file without a name was reached
	Unknown     schema.State // why the file's properties are not known; Known if they are
	User, group string
	age         schema.Value
	Users       *proc.FileUsers
	waits       []proc.Waiter
	Holders     schema.Value
	Waiters     schema.Value
}

// namedRow completes a row for a file that has its name.
func namedRow(t *proc.Tick, ref schema.Ref, file vfs.PosixFile, path string) PosixRow {
	r := PosixRow{PosixFile: file, FullName: "/" + file.Name, Unknown: schema.Known, User: t.Users.User(file.UID),
		group: t.Users.Group(file.GID)}
	users(t, ref, &r, t.FileUsers(proc.FileID{Dev: file.Dev, Ino: file.Ino}, path))
	return r
}

// unnamedRow completes a row for a file that was unlinked and is still used.
func unnamedRow(t *proc.Tick, ref schema.Ref, u *proc.FileUsers) PosixRow {
	name, _ := proc.DevShmName(u.Path)
	r := PosixRow{FullName: "/" + name, Unknown: schema.Known}
	file, err := t.StatUsed(u)
	switch {
	case err == nil:
		r.PosixFile, r.User, r.group = file, t.Users.User(file.UID), t.Users.Group(file.GID)
	case sys.Denied(err):
		r.Unknown = schema.Denied
	default:
		r.Unknown = schema.Absent
	}
	r.Dev, r.Ino = u.ID.Dev, u.ID.Ino
	users(t, ref, &r, u)
	return r
}

func users(t *proc.Tick, ref schema.Ref, r *PosixRow, u *proc.FileUsers) {
	r.Users = u
	r.age = schema.None(schema.TypeDuration)
	if !r.MTime.IsZero() {
		r.age = t.Age(r.MTime.Unix())
	}
	r.waits = t.WaitersOf(proc.WaitKey{Kind: proc.WaitOnFile, Dev: u.ID.Dev, ID: u.ID.Ino})
	r.Holders = t.FileHolders(ref, u)
	r.Waiters = t.WaitersValue(ref, r.waits, false)
}

// nameRef is the identity of what has a name: another file under it is another object.
func nameRef(kind schema.Kind, f vfs.PosixFile) schema.Ref {
	return schema.Ref{Kind: kind, Name: "/" + f.Name, Gen: f.Ino}
}

// FileRef is the identity of a file that is known by its number only.
func FileRef(kind schema.Kind, id proc.FileID) schema.Ref {
	return schema.Ref{Kind: kind, Space: id.Dev, ID: id.Ino}
}

// Of gives a cell of the file, or why it is not known.
func (r *PosixRow) of(v schema.Value) schema.Value {
	switch r.Unknown {
	case schema.Known:
		return v
	case schema.Denied:
		return schema.Refused(v.Type())
	}
	return schema.None(v.Type())
}

// posixColumns are lsipc's columns of POSIX objects, and who the file is.
func posixColumns[T any](of func(*T) *PosixRow) []schema.Column {
	col := func(id string, typ schema.Type, width int, help string, get func(*PosixRow) schema.Value) schema.Column {
		return schema.Col(id, typ, width, 0, help, func(r *T) schema.Value { return get(of(r)) })
	}
	file := func(id string, typ schema.Type, width int, help string, get func(*PosixRow) schema.Value) schema.Column {
		return col(id, typ, width, help, func(r *PosixRow) schema.Value { return r.of(get(r)) })
	}
	moment := func(id, help string, get func(*PosixRow) time.Time) schema.Column {
		return file(id, schema.TypeTime, 12, help, func(r *PosixRow) schema.Value { return schema.Time(get(r)) })
	}
	return []schema.Column{
		col("name", schema.TypeString, 20, "name that programs open it by; its last one if it has none any more",
			func(r *PosixRow) schema.Value { return schema.String(r.FullName) }),
		file("owner", schema.TypeString, 9, "name of the owner; a number where the uid has no name",
			func(r *PosixRow) schema.Value { return schema.String(r.User) }),
		file("perms", schema.TypePerms, 5, "permission bits",
			func(r *PosixRow) schema.Value { return schema.Perms(uint32(r.Mode.Perm())) }),
		file("uid", schema.TypeInt, 6, "user id of the owner",
			func(r *PosixRow) schema.Value { return schema.Int(int64(r.UID)) }),
		file("user", schema.TypeString, 9, "name of the owner, as lsipc's USER",
			func(r *PosixRow) schema.Value { return schema.String(r.User) }),
		file("gid", schema.TypeInt, 6, "group id of the owner",
			func(r *PosixRow) schema.Value { return schema.Int(int64(r.GID)) }),
		file("group", schema.TypeString, 9, "name of the owner's group",
			func(r *PosixRow) schema.Value { return schema.String(r.group) }),
		col("inode", schema.TypeInt, 9, "inode number of its file",
			func(r *PosixRow) schema.Value { return schema.Int(int64(r.Ino)) }),
		col("dev", schema.TypeString, 7, "device of its file system, major:minor",
			func(r *PosixRow) schema.Value { return schema.String(schema.FormatDev(r.Dev)) }),
		moment("mtime", "when its content last changed by a call (of a queue: a message came or went), not through memory",
			func(r *PosixRow) time.Time { return r.MTime }),
		moment("ctime", "when it was made, or its content, owner or permissions changed by a call",
			func(r *PosixRow) time.Time { return r.CTime }),
		file("age", schema.TypeDuration, 7, "time since mtime", func(r *PosixRow) schema.Value { return r.age }),
	}
}

func posixHolders[T any](help string, of func(*T) *PosixRow) schema.Column {
	return schema.Col("holders", schema.TypeEndpoints, 24, proc.FileUserNeeds, help,
		func(r *T) schema.Value { return of(r).Holders })
}

func posixWaiters[T any](needs schema.Need, help string, of func(*T) *PosixRow) schema.Column {
	return schema.Col("waiters", schema.TypeEndpoints, 24, needs|proc.NeedProcs|proc.NeedSyscall, help,
		func(r *T) schema.Value { return of(r).Waiters })
}

// unlinked lists the files of /dev/shm that have no name any more and are still used: sems those of semaphores, or
// all others. The semaphore that glibc makes is linked under its name from a temporary file, whose name the creator's
// maps go on showing as deleted (sem_open.c): it is among the listed ones, by its number.
func unlinked(t *proc.Tick, sems bool) ([]*proc.FileUsers, error) {
	if t.Needs&(proc.NeedMaps|proc.NeedFDFiles) == 0 || !t.Host.Live() {
		return nil, nil
	}
	dev, ok, err := t.Host.DevShmDevice()
	if err != nil || !ok {
		return nil, err
	}
	listed := map[uint64]bool{}
	files, err := t.Host.DevShmFiles()
	if err != nil {
		return nil, err
	}
	named, err := t.Host.AllPosixSems(false)
	if err != nil {
		return nil, err
	}
	for _, s := range named {
		files = append(files, s.PosixFile)
	}
	for _, file := range files {
		listed[file.Ino] = true
	}
	return t.UsedFiles(func(u *proc.FileUsers) bool {
		name, ok := proc.DevShmName(u.Path)
		return ok && u.ID.Dev == dev && !listed[u.ID.Ino] && strings.HasSuffix(u.Path, proc.DeletedSuffix) &&
			strings.HasPrefix(name, "sem.") == sems
	}), nil
}

// FileType is a file's type in a word.
func FileType(m fs.FileMode) string {
	switch m.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "link"
	case fs.ModeNamedPipe:
		return "fifo"
	case fs.ModeSocket:
		return "socket"
	}
	return "device"
}

// relatePosix relates a row to its users.
func relatePosix(t *proc.Tick, objects []*schema.Object, of func(any) *PosixRow) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		r := of(o.Row)
		edges = append(edges, t.FileEdges(o.Ref, r.Users, r.waits)...)
	}
	return edges
}
