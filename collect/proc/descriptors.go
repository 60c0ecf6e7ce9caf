package proc

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// Descriptor is a row of the table of descriptor kinds. The walk recognises descriptors by it, and the demand for
// fdinfo, the joins of one object's descriptors, the targets of epoll instances and references read it as well.
// A kind of objects that processes have open declares its own row beside its Mechanism.
type Descriptor struct {
	Kind schema.Kind
	// Anon are the names of its anonymous inodes: "eventfd" of the link "anon_inode:[eventfd]".
	Anon []string
	// Prefix begins all links of a kind that is neither an anonymous inode nor told by the walk: "/dmabuf:".
	Prefix string
	// Walked are the classes of descriptors that the walk tells by itself, by inode or device number.
	Walked []FDKind
	// Identity reads from fdinfo which object a descriptor is on, where the kernel numbers the objects. nil, or not
	// ok: kcmp(2) tells the open file descriptions apart.
	Identity func(info []byte) (ref schema.Ref, ok bool)
	// Ref names the object of a Walked descriptor; nil: only a dump of sockets or the file itself does.
	Ref func(f *Tick, u FDUse) (ref schema.Ref, ok bool)
	// Watches says that its fdinfo lists other descriptors, whose identities are read with it.
	Watches bool
}

// IsObject says whether the open descriptors are the whole object, which goes with the last of them. Of a kind that
// only its own listing names, such as a namespace, they are handles.
func (d *Descriptor) IsObject() bool { return len(d.Anon) > 0 || d.Prefix != "" || d.Ref != nil }

// table gives each row the FDKind of the descriptors that the walk finds.
type table struct {
	rows     []Descriptor
	anon     map[string]FDKind
	prefixes []linkPrefix
	kinds    map[schema.Kind]FDKind // of rows with Anon or Prefix
	of       [256]schema.Kind       // by FDKind
}

type linkPrefix struct {
	text []byte
	kind FDKind
}

// newTable numbers the rows. A Walked row keeps the walk's own numbers.
func newTable(rows []Descriptor) *table {
	t := &table{rows: rows, anon: map[string]FDKind{}, kinds: map[schema.Kind]FDKind{}}
	next := fdDeclared
	for _, d := range rows {
		for _, k := range d.Walked {
			t.of[k] = d.Kind
		}
		if len(d.Anon) == 0 && d.Prefix == "" {
			continue
		}
		t.of[next], t.kinds[d.Kind] = d.Kind, next
		for _, name := range d.Anon {
			t.anon[name] = next
		}
		if d.Prefix != "" {
			t.prefixes = append(t.prefixes, linkPrefix{[]byte(d.Prefix), next})
		}
		next++
	}
	return t
}

// declared is the FDKind of a link that a row declares; 0: no row does. inotify's anonymous inode has no brackets
// around its name, the others have (fs/notify/inotify/inotify_user.c, fs/anon_inodes.c).
func (t *table) declared(link []byte) FDKind {
	if name, ok := bytes.CutPrefix(link, []byte("anon_inode:")); ok {
		return t.anon[string(bytes.Trim(name, "[]"))]
	}
	for _, p := range t.prefixes {
		if bytes.HasPrefix(link, p.text) {
			return p.kind
		}
	}
	return 0
}

// FDKind is the class of a kind's descriptors; 0 for a kind whose descriptors the walk tells by itself.
func (t *Tick) FDKind(kind schema.Kind) FDKind { return t.table.kinds[kind] }

// KindOf is the kind of objects that a descriptor leads to; "" for a socket or a plain file, of which the
// descriptor alone does not tell the kind.
func (t *Tick) KindOf(fd *FD) schema.Kind { return t.table.of[fd.Kind] }

// infoDemand says of which descriptors the walk reads fdinfo.
type infoDemand struct {
	kinds  uint64          // bit n: descriptors of FDKind n
	locked map[uint64]bool // inode numbers of locked files
	files  bool            // of all files: any may have a lock that is unlisted
}

func (d infoDemand) wants(fd *FD) bool {
	return d.kinds>>fd.Kind&1 == 1 || (fd.Kind == FDFile || fd.Kind == FDFifo) && (d.files || d.locked[fd.Ino])
}

// infoDemand gathers which kinds asked for fdinfo, and which files are locked.
func (t *Tick) infoDemand() infoDemand {
	var d infoDemand
	watches := false
	for _, row := range t.table.rows {
		if t.Want[row.Kind].Has(NeedFDInfo) || t.Info[row.Kind] {
			d.kinds |= t.table.bits(row)
			watches = watches || row.Watches
		}
	}
	for _, row := range t.table.rows {
		if watches && row.Identity != nil {
			d.kinds |= t.table.bits(row)
		}
	}
	_, locks := t.Want[schema.Lock]
	d.files = locks && t.Nested
	if len(t.Locks) > 0 {
		d.locked = make(map[uint64]bool, len(t.Locks))
	}
	for _, l := range t.Locks {
		d.locked[l.Ino] = true
	}
	return d
}

// bits are those of infoDemand for a row. A pseudoterminal's fdinfo tells something at its master alone.
func (t *table) bits(d Descriptor) uint64 {
	if k, ok := t.kinds[d.Kind]; ok {
		return 1 << k
	}
	if slices.Contains(d.Walked, FDPtmx) {
		return 1 << FDPtmx
	}
	return 0
}

// Instance is an object that exists only as open descriptors, with all of them that were seen.
type Instance struct {
	Ref  schema.Ref
	Uses []FDUse
}

// Instances joins the descriptors of a kind by the object that they are on: by the number that fdinfo tells, or
// else by open file description. They come in the order of their first descriptors, numbered ones by number.
func (t *Tick) Instances(kind schema.Kind) []Instance {
	known := Memo(t, func(*Tick) instanceIndex { return instanceIndex{} })
	list, ok := known[kind]
	if !ok {
		list = t.join(kind)
		known[kind] = list
	}
	return list
}

// instanceIndex are the instances of the kinds that somebody asked for.
type instanceIndex map[schema.Kind][]Instance

func (t *Tick) join(kind schema.Kind) []Instance {
	i := slices.IndexFunc(t.table.rows, func(d Descriptor) bool { return d.Kind == kind })
	if i < 0 {
		return nil
	}
	identity := t.table.rows[i].Identity
	uses := t.FDUses(t.table.kinds[kind], 0, 0)
	var all []Instance
	if identity != nil {
		all, uses = numbered(uses, identity)
	}
	for _, group := range t.ByDescription(uses) {
		all = append(all, Instance{DescriptorRef(kind, group), group})
	}
	if identity != nil {
		slices.SortFunc(all, func(a, b Instance) int { return schema.CompareRefs(a.Ref, b.Ref) })
	}
	return all
}

// numbered joins the descriptors whose fdinfo tells their object. The rest it gives back.
func numbered(uses []FDUse, identity func([]byte) (schema.Ref, bool)) (all []Instance, rest []FDUse) {
	byRef := map[schema.Ref][]FDUse{}
	for _, u := range uses {
		if ref, ok := identity(u.Process.Info[u.FD.Num].Text); ok {
			byRef[ref] = append(byRef[ref], u)
		} else {
			rest = append(rest, u)
		}
	}
	for ref, uses := range byRef {
		all = append(all, Instance{ref, uses})
	}
	return all, rest
}

// DescriptorRef names an open file description by the first descriptor on it, by pid and number, with the start of
// that process: "epoll:4242/7".
func DescriptorRef(kind schema.Kind, uses []FDUse) schema.Ref {
	first := uses[0]
	name := strconv.Itoa(first.Process.PID) + "/" + strconv.Itoa(int(first.FD.Num))
	return schema.Ref{Kind: kind, Name: name, Gen: first.Process.Start}
}

// FDKey is a descriptor of a process.
type FDKey struct {
	PID int
	FD  int32
}

// FDRefs tells which object each descriptor leads to, of the kinds in the table.
func (t *Tick) FDRefs() map[FDKey]schema.Ref {
	refs := map[FDKey]schema.Ref{}
	var walked [fdDeclared]func(*Tick, FDUse) (schema.Ref, bool)
	for _, row := range t.table.rows {
		for _, k := range row.Walked {
			walked[k] = row.Ref
		}
	}
	for _, p := range t.procs {
		for i := range p.FDs {
			fd := &p.FDs[i]
			if fd.Kind >= fdDeclared || walked[fd.Kind] == nil {
				continue
			}
			if ref, ok := walked[fd.Kind](t, FDUse{p, fd}); ok {
				refs[FDKey{p.PID, fd.Num}] = ref
			}
		}
	}
	for kind := range t.table.kinds {
		for _, instance := range t.Instances(kind) {
			for _, u := range instance.Uses {
				refs[FDKey{u.Process.PID, u.FD.Num}] = instance.Ref
			}
		}
	}
	return refs
}

// ByDescription groups descriptors that share an open file description. kcmp(2) tells them apart, which takes the
// right to ptrace both processes and a kernel that has the call; without, each descriptor stands alone.
// kcmp also gives an order, so that n descriptors take n log n calls of one to two microseconds.
func (t *Tick) ByDescription(uses []FDUse) [][]FDUse {
	var groups [][]FDUse // in kcmp's order
	var alone [][]FDUse
	for _, u := range uses {
		failed := !t.Host.Live()
		at, found := slices.BinarySearchFunc(groups, u, func(g []FDUse, u FDUse) int {
			if failed {
				return 0
			}
			order, err := process.CompareFiles(g[0].Process.PID, int(g[0].FD.Num), u.Process.PID, int(u.FD.Num))
			failed = err != nil
			return order
		})
		switch {
		case failed:
			alone = append(alone, []FDUse{u})
		case found:
			groups[at] = append(groups[at], u)
		default:
			groups = slices.Insert(groups, at, []FDUse{u})
		}
	}
	groups = append(groups, alone...)
	slices.SortFunc(groups, func(a, b []FDUse) int { return compareUses(a[0], b[0]) })
	return groups
}

func compareUses(a, b FDUse) int {
	if a.Process.PID != b.Process.PID {
		return a.Process.PID - b.Process.PID
	}
	return int(a.FD.Num - b.FD.Num)
}
