package kinds

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// inShm holds files of one /dev/shm.
type inShm[F any] struct {
	space *proc.ShmSpace // nil: the reader's own
	files []F
}

// inShmSpaces lists the files of the reader's own /dev/shm. If other namespaces are wanted, those of every other one
// follow. list lists one of them.
func inShmSpaces[F any](t *proc.Tick, kind schema.Kind, own []F, list func(posix.ShmDir) ([]F, error)) []inShm[F] {
	groups := []inShm[F]{{nil, own}}
	if !t.AllNamespaces {
		return groups
	}
	for _, s := range t.ShmSpaces() {
		var files []F
		err := t.VisitShm(s, func(d posix.ShmDir) (err error) { files, err = list(d); return err })
		noteMounts(t, s.Way.String(), err)
		if err = withoutMounts(err); err != nil && !sys.Gone(err) {
			t.Fault(string(kind), fmt.Errorf("%s: %w", s.Way, err))
		}
		if len(files) > 0 {
			groups = append(groups, inShm[F]{s, files})
		}
	}
	return groups
}

// noteMounts notes that a list of files leaves out entries, on which other file systems are mounted.
func noteMounts(t *proc.Tick, place string, err error) {
	var mounts posix.OtherMounts
	if errors.As(err, &mounts) {
		t.Note(fmt.Sprintf("%s in %s: what is there is not shown", mounts, place))
	}
}

// withoutMounts is the error without OtherMounts.
func withoutMounts(err error) error {
	if mounts := posix.OtherMounts(0); errors.As(err, &mounts) {
		return nil
	}
	return err
}

// NoteOtherShm notes the files that other mount namespaces have in a /dev/shm of their own. It costs a few system calls
// for each mount namespace with a process.
func NoteOtherShm(t *proc.Tick) {
	if t.AllNamespaces || !t.WantsDevShm() || !t.Host.Live() {
		return
	}
	spaces, files := 0, 0
	for _, s := range t.ShmSpaces() {
		n := 0
		err := t.VisitShm(s, func(d posix.ShmDir) (err error) { n, err = d.Count(); return err })
		if err == nil && n > 0 {
			spaces, files = spaces+1, files+n
		}
	}
	if spaces > 0 {
		t.Note(fmt.Sprintf("%d other /dev/shm %s %s"+AskAll, spaces, schema.Plural(spaces, "holds", "hold"),
			schema.Counted(files, "file")))
	}
}

// ShmSpaceOf is the /dev/shm of an object in another mount namespace. It is nil for every other object.
func ShmSpaceOf(o *schema.Object) *proc.ShmSpace {
	if r, ok := o.Row.(posixObject); ok {
		return r.posix().Shm
	}
	return nil
}

// devShmColumns tell in whose /dev/shm a file is.
func devShmColumns[T any](of func(*T) *PosixRow) []schema.Column {
	return []schema.Column{
		schema.Col("ns", schema.TypeInt, 10, 0, "inode of a mount namespace that has its /dev/shm",
			func(r *T) schema.Value { return of(r).Place.Inode() }),
		schema.Col("ns_leader", schema.TypeString, 18, ShmLeaderNeeds,
			"whose /dev/shm that is: the container of the first process that has it, else that process as COMM[PID]",
			func(r *T) schema.Value { return of(r).Place.Leader }),
	}
}

// ShmLeaderNeeds are the needs of ns_leader of a file in /dev/shm.
const ShmLeaderNeeds = proc.NeedProcs | proc.NeedMountNS

// unlinkedFrom tells if a used file was unlinked from a /dev/shm, and from which one; nil is the reader's own. dev is
// the device of the reader's own.
func unlinkedFrom(t *proc.Tick, u *proc.FileUsers, dev uint64) (name string, space *proc.ShmSpace, ok bool) {
	if !strings.HasSuffix(u.Path, proc.DeletedSuffix) {
		return "", nil, false
	}
	if u.ID.Dev == dev {
		name, ok = proc.DevShmName(u.Path)
		return name, nil, ok
	}
	if !t.AllNamespaces {
		return "", nil, false
	}
	space = t.ShmSpaceOn(u.ID.Dev)
	name, ok = proc.DevShmNameIn(u.Path)
	return name, space, ok && space != nil
}
