package proc

import "slices"

// FDUse is one process's descriptor on an object.
type FDUse struct {
	Process *Process
	FD      *FD
}

// same reports whether two uses of different ticks are the same descriptor of a process with the same name.
func (u FDUse) same(v FDUse) bool {
	p, q := u.Process, v.Process
	return p.PID == q.PID && p.Start == q.Start && p.Comm == q.Comm && *u.FD == *v.FD &&
		u.OwnThread() == v.OwnThread()
}

// SameUses reports whether an object has the same users in two ticks: the same descriptors in the same order, of
// processes with the same names.
func SameUses(a, b []FDUse) bool { return slices.EqualFunc(a, b, FDUse.same) }

// FDUses lists the descriptors on the object, by process. Nobody may change the list. Dev is 0 for pipes and sockets,
// whose inode numbers are unique on the machine. Processes with unreadable descriptors are missing: see Unseen("fd").
func (t *Tick) FDUses(kind FDKind, dev, ino uint64) []FDUse {
	x := t.fdIndex(kind)
	i, ok := slices.BinarySearchFunc(x.ids, FileID{dev, ino}, FileID.Compare)
	if !ok {
		return nil
	}
	return x.usesAt(i)
}

// Targets lists the distinct objects that open descriptors of a class lead to, by device and inode. Nobody may change
// the list. uses returns the FDUses of the n-th object.
func (t *Tick) Targets(kind FDKind) (ids []FileID, uses func(n int) []FDUse) {
	x := t.fdIndex(kind)
	return slices.Clip(x.ids), x.usesAt
}

// fdIndex holds the descriptors of one class, in the order of their objects. All objects share two lists, since a
// machine may have 100,000 pipes.
type fdIndex struct {
	ids   []FileID // of the objects, in rising order
	uses  []FDUse
	first []int32 // first[n] is the first of uses that leads to ids[n]
}

// fdIndexes are the classes that were asked for in this tick.
type fdIndexes map[FDKind]*fdIndex

func (t *Tick) fdIndex(kind FDKind) *fdIndex {
	all := Memo(t, func(*Tick) fdIndexes { return fdIndexes{} })
	if all[kind] == nil {
		all[kind] = t.indexFDs(kind)
	}
	return all[kind]
}

func (t *Tick) indexFDs(kind FDKind) *fdIndex {
	type entry struct {
		id    FileID
		use   FDUse
		order int
	}
	n := 0
	for _, p := range t.procs {
		for i := range p.FDs {
			if p.FDs[i].Kind == kind {
				n++
			}
		}
	}
	entries := make([]entry, 0, n)
	for _, p := range t.procs {
		for i := range p.FDs {
			if fd := &p.FDs[i]; fd.Kind == kind {
				entries = append(entries, entry{FileID{fd.Dev, fd.Ino}, FDUse{p, fd}, len(entries)})
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if c := a.id.Compare(b.id); c != 0 {
			return c
		}
		return a.order - b.order
	})
	x := &fdIndex{uses: make([]FDUse, n)}
	objects := 0
	for i := range entries {
		if i == 0 || entries[i].id != entries[i-1].id {
			objects++
		}
	}
	x.ids, x.first = make([]FileID, 0, objects), make([]int32, 0, objects)
	for i := range entries {
		if e := &entries[i]; i == 0 || e.id != entries[i-1].id {
			x.ids, x.first = append(x.ids, e.id), append(x.first, int32(i))
		}
		x.uses[i] = entries[i].use
	}
	return x
}

func (x *fdIndex) usesAt(n int) []FDUse {
	if n+1 < len(x.first) {
		return x.uses[x.first[n]:x.first[n+1]:x.first[n+1]]
	}
	return x.uses[x.first[n]:]
}
