package kinds

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PosixRow is the shared part of POSIX queues, semaphores and shared memory: all are files.
type PosixRow struct {
	vfs.PosixFile
	FullName    string         // "/name"; for a file without a name, the path that a process used
	Unknown     schema.State   // why the file's properties are not known; Known if they are known
	Place       proc.Place     // of its IPC namespace for a queue, of its /dev/shm for a file there
	Shm         *proc.ShmSpace // the other /dev/shm that it is in; nil: the reader's own, or it is a queue
	User, group string
	age         schema.Value
	Users       *proc.FileUsers
	waits       []proc.Waiter
	Holders     schema.Value
	Waiters     schema.Value
}

// posixObject is a row with a PosixRow as its base.
type posixObject interface{ posix() *PosixRow }

func (r *PosixRow) posix() *PosixRow { return r }

// namedRow makes the shared part for a file that has its name.
func namedRow(t *proc.Tick, ref schema.Ref, file vfs.PosixFile, path string) PosixRow {
	r := PosixRow{PosixFile: file, FullName: "/" + file.Name, Unknown: schema.Known, User: t.Users.User(file.UID),
		group: t.Users.Group(file.GID)}
	r.setUsers(t, ref, t.FileUsers(proc.FileID{Dev: file.Dev, Ino: file.Ino}, path))
	return r
}

// unnamedRow makes the shared part for a file that was unlinked and is still in use.
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
	r.setUsers(t, ref, u)
	return r
}

func (r *PosixRow) setUsers(t *proc.Tick, ref schema.Ref, u *proc.FileUsers) {
	r.Users = u
	r.age = schema.None(schema.TypeDuration)
	if !r.MTime.IsZero() {
		r.age = t.Age(r.MTime.Unix())
	}
	r.waits = t.WaitersOf(proc.WaitKey{Kind: proc.WaitOnFile, Dev: u.ID.Dev, ID: u.ID.Ino})
	r.Holders = t.FileHolders(ref, u)
	r.Waiters = t.WaitersValue(ref, r.waits, false)
}

// nameRef is the identity of an object with a name. Another file under the same name is another object.
func nameRef(kind schema.Kind, f vfs.PosixFile) schema.Ref {
	return schema.Ref{Kind: kind, Name: "/" + f.Name, Gen: f.Ino}
}

// FileRef is the identity of a file that is known by its numbers only.
func FileRef(kind schema.Kind, id proc.FileID) schema.Ref {
	return schema.Ref{Kind: kind, Space: id.Dev, ID: id.Ino}
}

// of makes a cell of a property of the file, or of the reason why it is not known.
func (r *PosixRow) of(v schema.Value) schema.Value {
	switch r.Unknown {
	case schema.Known:
		return v
	case schema.Denied:
		return schema.Refused(v.Type())
	}
	return schema.None(v.Type())
}

// posixColumns are lsipc's columns of POSIX objects, and the device and inode of the file.
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
			func(r *PosixRow) schema.Value { return schema.Name(r.FullName) }),
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
		moment("mtime", "when its content last changed by a call (of a queue: a message came or went), "+
			"not through memory",
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

// devShmObjects makes the objects of a kind of files in /dev/shm: the listed files, then the unlinked ones in use.
// row makes a row from the shared part; its listed file is nil for an unlinked one.
func devShmObjects[F, T any](t *proc.Tick, kind schema.Kind, listed []inShm[F], file func(*F) vfs.PosixFile,
	row func(PosixRow, *F) T) []*schema.Object {
	prefix := "" // of the names in /dev/shm; objects' names are without it
	if kind == schema.PSem {
		prefix = "sem."
	}
	gone, err := unlinked(t, kind == schema.PSem)
	t.Fault(string(kind), err)
	n := len(gone)
	for _, g := range listed {
		n += len(g.files)
	}
	rows, objects := NewObjects[T](n)
	i := 0
	for _, g := range listed {
		place := t.ShmPlace(g.space)
		for at := range g.files {
			f := file(&g.files[at])
			ref := nameRef(kind, f)
			ref.Space = place.Space
			r := namedRow(t, ref, f, "/dev/shm/"+prefix+f.Name)
			r.Place, r.Shm = place, g.space
			objects[i].Ref, rows[i] = ref, row(r, &g.files[at])
			i++
		}
	}
	for _, u := range gone {
		ref := FileRef(kind, u.ID)
		r := unnamedRow(t, ref, u.FileUsers)
		r.FullName = "/" + strings.TrimPrefix(u.name, prefix)
		r.Place, r.Shm = t.ShmPlace(u.space), u.space
		objects[i].Ref, rows[i] = ref, row(r, nil)
		i++
	}
	return objects
}

// unlinkedFile is a file without a name.
type unlinkedFile struct {
	*proc.FileUsers
	name  string // its last name
	space *proc.ShmSpace
}

// unlinked lists the files of /dev/shm that have no name any more and are still in use. sems selects semaphores, or
// else all other files. glibc makes a semaphore as a temporary file and then links its name to it (sem_open.c). The
// creator's maps still show the temporary name as deleted. So a file with a listed inode number is not unlinked.
func unlinked(t *proc.Tick, sems bool) ([]unlinkedFile, error) {
	if t.Needs&(proc.NeedMaps|proc.NeedFDFiles) == 0 || !t.Host.Live() {
		return nil, nil
	}
	dev, ok, err := t.Host.DevShmDevice()
	if err != nil || !ok && !t.AllNamespaces {
		return nil, err
	}
	listed, err := listedFiles(t)
	if err != nil {
		return nil, err
	}
	var list []unlinkedFile
	t.UsedFiles(func(u *proc.FileUsers) bool {
		name, space, ok := unlinkedFrom(t, u, dev)
		if ok && !listed[u.ID] && strings.HasPrefix(name, "sem.") == sems {
			list = append(list, unlinkedFile{u, name, space})
		}
		return false
	})
	slices.SortFunc(list, func(a, b unlinkedFile) int {
		return cmp.Or(a.ID.Compare(b.ID), strings.Compare(a.Path, b.Path))
	})
	return list, nil
}

// listedFiles are the files of every wanted /dev/shm that have a name.
func listedFiles(t *proc.Tick) (map[proc.FileID]bool, error) {
	files, err := t.Host.DevShmFiles()
	if err = withoutMounts(err); err != nil {
		return nil, err
	}
	named, err := t.Host.AllPosixSems(false)
	if err != nil {
		return nil, err
	}
	listed := map[proc.FileID]bool{}
	add := func(f *vfs.PosixFile) { listed[proc.FileID{Dev: f.Dev, Ino: f.Ino}] = true }
	for i := range files {
		add(&files[i])
	}
	for i := range named {
		add(&named[i].PosixFile)
	}
	if t.AllNamespaces {
		for _, s := range t.ShmSpaces() {
			_ = t.VisitShm(s, func(d posix.ShmDir) error { // inShmSpaces reports the error
				return d.Each(add)
			})
		}
	}
	return listed, nil
}

// FileType is the type of a file in one word.
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

// relatePosix adds the edges of rows to their users.
func relatePosix(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		r := o.Row.(posixObject).posix()
		proc.FileEdges(o.Ref, r.Users, r.waits, add)
	}
}
