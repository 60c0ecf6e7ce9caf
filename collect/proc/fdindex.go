package proc

import (
	"cmp"
	"slices"
)

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

// fdCounts are the numbers of descriptors of each class.
type fdCounts [256]int

func countFDs(t *Tick) *fdCounts {
	var counts fdCounts
	for _, p := range t.procs {
		for i := range p.FDs {
			counts[p.FDs[i].Kind]++
		}
	}
	return &counts
}

// fdEntry is the object of the descriptor that comes at a place in the walk.
type fdEntry struct {
	id    FileID
	order int32
}

// compareEntries is spelt out: it takes most of the time of an index of 50,000 descriptors.
func compareEntries(a, b fdEntry) int {
	switch {
	case a.id.Dev != b.id.Dev:
		return cmp.Compare(a.id.Dev, b.id.Dev)
	case a.id.Ino != b.id.Ino:
		return cmp.Compare(a.id.Ino, b.id.Ino)
	}
	return int(a.order) - int(b.order)
}

func (t *Tick) indexFDs(kind FDKind) *fdIndex {
	n := Memo(t, countFDs)[kind]
	if n == 0 {
		return &fdIndex{}
	}
	entries, walked := make([]fdEntry, 0, n), make([]FDUse, 0, n)
	for _, p := range t.procs {
		for i := range p.FDs {
			if fd := &p.FDs[i]; fd.Kind == kind {
				entries = append(entries, fdEntry{FileID{fd.Dev, fd.Ino}, int32(len(walked))})
				walked = append(walked, FDUse{p, fd})
			}
		}
	}
	slices.SortFunc(entries, compareEntries)
	objects := 0
	for i := range entries {
		if i == 0 || entries[i].id != entries[i-1].id {
			objects++
		}
	}
	x := &fdIndex{ids: make([]FileID, 0, objects), uses: make([]FDUse, n), first: make([]int32, 0, objects)}
	for i, e := range entries {
		if i == 0 || e.id != entries[i-1].id {
			x.ids, x.first = append(x.ids, e.id), append(x.first, int32(i))
		}
		x.uses[i] = walked[e.order]
	}
	return x
}

func (x *fdIndex) usesAt(n int) []FDUse {
	if n+1 < len(x.first) {
		return x.uses[x.first[n]:x.first[n+1]:x.first[n+1]]
	}
	return x.uses[x.first[n]:]
}
