package collect

import (
	"io/fs"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// posixRow is what POSIX queues, semaphores and shared memory have in common: they are files.
type posixRow struct {
	kernel.PosixFile
	name        string       // "/name", or where a file without a name was reached
	unknown     schema.State // why the file's properties are not known; Known if they are
	user, group string
	age         schema.Value
	users       *fileUsers
	waits       []waiter
	holders     schema.Value
	waiters     schema.Value
}

// namedRow completes a row for a file that has its name.
func (f *Facts) namedRow(ref schema.Ref, file kernel.PosixFile, path string) posixRow {
	r := posixRow{PosixFile: file, name: "/" + file.Name, unknown: schema.Known, user: f.Users.User(file.UID), group: f.Users.Group(file.GID)}
	f.users(ref, &r, f.fileUsers(FileID{file.Dev, file.Ino}, path))
	return r
}

// unnamedRow completes a row for a file that was unlinked and is still used.
func (f *Facts) unnamedRow(ref schema.Ref, u *fileUsers) posixRow {
	name, _ := devShmName(u.path)
	r := posixRow{name: "/" + name, unknown: schema.Known}
	file, err := f.statUsed(u)
	switch {
	case err == nil:
		r.PosixFile, r.user, r.group = file, f.Users.User(file.UID), f.Users.Group(file.GID)
	case kernel.Denied(err):
		r.unknown = schema.Denied
	default:
		r.unknown = schema.Absent
	}
	r.Dev, r.Ino = u.id.Dev, u.id.Ino
	f.users(ref, &r, u)
	return r
}

func (f *Facts) users(ref schema.Ref, r *posixRow, u *fileUsers) {
	r.users = u
	r.age = schema.None(schema.TypeDuration)
	if !r.MTime.IsZero() {
		r.age = f.Age(r.MTime.Unix())
	}
	r.waits = f.waitersOf(waitKey{waitOnFile, u.id.Dev, u.id.Ino})
	r.holders = f.fileHolders(ref, u)
	r.waiters = f.waitersValue(ref, r.waits, false)
}

// nameRef is the identity of what has a name: another file under it is another object.
func nameRef(kind schema.Kind, f kernel.PosixFile) schema.Ref {
	return schema.Ref{Kind: kind, Name: "/" + f.Name, Gen: f.Ino}
}

// fileRef is the identity of a file that is known by its number only.
func fileRef(kind schema.Kind, id FileID) schema.Ref {
	return schema.Ref{Kind: kind, Space: id.Dev, ID: id.Ino}
}

// of gives a cell of the file, or why it is not known.
func (r *posixRow) of(v schema.Value) schema.Value {
	switch r.unknown {
	case schema.Known:
		return v
	case schema.Denied:
		return schema.Refused(v.Type())
	}
	return schema.None(v.Type())
}

// posixColumns are lsipc's columns of POSIX objects, and who the file is.
func posixColumns[T any](of func(*T) *posixRow) []schema.Column {
	col := func(id string, typ schema.Type, width int, help string, get func(*posixRow) schema.Value) schema.Column {
		return schema.Col(id, typ, width, 0, help, func(r *T) schema.Value { return get(of(r)) })
	}
	file := func(id string, typ schema.Type, width int, help string, get func(*posixRow) schema.Value) schema.Column {
		return col(id, typ, width, help, func(r *posixRow) schema.Value { return r.of(get(r)) })
	}
	moment := func(id, help string, get func(*posixRow) time.Time) schema.Column {
		return file(id, schema.TypeTime, 12, help, func(r *posixRow) schema.Value { return schema.Time(get(r)) })
	}
	return []schema.Column{
		col("name", schema.TypeString, 20, "name that programs open it by; its last one if it has none any more", func(r *posixRow) schema.Value { return schema.String(r.name) }),
		file("owner", schema.TypeString, 9, "name of the owner; a number where the uid has no name", func(r *posixRow) schema.Value { return schema.String(r.user) }),
		file("perms", schema.TypePerms, 5, "permission bits", func(r *posixRow) schema.Value { return schema.Perms(uint32(r.Mode.Perm())) }),
		file("uid", schema.TypeInt, 6, "user id of the owner", func(r *posixRow) schema.Value { return schema.Int(int64(r.UID)) }),
		file("user", schema.TypeString, 9, "name of the owner, as lsipc's USER", func(r *posixRow) schema.Value { return schema.String(r.user) }),
		file("gid", schema.TypeInt, 6, "group id of the owner", func(r *posixRow) schema.Value { return schema.Int(int64(r.GID)) }),
		file("group", schema.TypeString, 9, "name of the owner's group", func(r *posixRow) schema.Value { return schema.String(r.group) }),
		col("inode", schema.TypeInt, 9, "inode number of its file", func(r *posixRow) schema.Value { return schema.Int(int64(r.Ino)) }),
		col("dev", schema.TypeString, 7, "device of its file system, major:minor", func(r *posixRow) schema.Value { return schema.String(schema.FormatDev(r.Dev)) }),
		moment("mtime", "when its content last changed by a call (of a queue: a message came or went), not through memory", func(r *posixRow) time.Time { return r.MTime }),
		moment("ctime", "when it was made, or its content, owner or permissions changed by a call", func(r *posixRow) time.Time { return r.CTime }),
		file("age", schema.TypeDuration, 7, "time since mtime", func(r *posixRow) schema.Value { return r.age }),
	}
}

func posixHolders[T any](help string, of func(*T) *posixRow) schema.Column {
	return schema.Col("holders", schema.TypeEndpoints, 24, fileUserNeeds, help, func(r *T) schema.Value { return of(r).holders })
}

func posixWaiters[T any](needs schema.Need, help string, of func(*T) *posixRow) schema.Column {
	return schema.Col("waiters", schema.TypeEndpoints, 24, needs|schema.NeedProcs|schema.NeedSyscall, help, func(r *T) schema.Value { return of(r).waiters })
}

// unlinked lists the files of /dev/shm that have no name any more and are still used: sems those of semaphores, or all others.
// The semaphore that glibc makes is linked under its name from a temporary file, whose name the creator's maps go on showing as
// deleted (sem_open.c): it is among the listed ones, by its number.
func (f *Facts) unlinked(sems bool) ([]*fileUsers, error) {
	if f.Needs&(schema.NeedMaps|schema.NeedFDFiles) == 0 || !f.Host.Live() {
		return nil, nil
	}
	dev, ok, err := f.Host.DevShmDevice()
	if err != nil || !ok {
		return nil, err
	}
	listed := map[uint64]bool{}
	files, err := f.Host.DevShmFiles()
	if err != nil {
		return nil, err
	}
	named, err := f.Host.AllPosixSems(false)
	if err != nil {
		return nil, err
	}
	for _, s := range named {
		files = append(files, s.PosixFile)
	}
	for _, file := range files {
		listed[file.Ino] = true
	}
	return f.usedFiles(func(u *fileUsers) bool {
		name, ok := devShmName(u.path)
		return ok && u.id.Dev == dev && !listed[u.id.Ino] && strings.HasSuffix(u.path, deletedSuffix) && strings.HasPrefix(name, "sem.") == sems
	}), nil
}

// fileType is a file's type in a word.
func fileType(m fs.FileMode) string {
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
func relatePosix(f *Facts, objects []*schema.Object, of func(any) *posixRow) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		r := of(o.Row)
		edges = append(edges, f.fileEdges(o.Ref, r.users, r.waits)...)
	}
	return edges
}
