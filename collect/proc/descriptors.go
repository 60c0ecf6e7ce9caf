package proc

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// Descriptor is a row of the table of descriptor kinds. The walk recognises descriptors by this table. The demand for
// fdinfo, the joins of descriptors into objects, epoll's targets and references read the table, too. A kind of
// objects that processes have open declares its own row beside its Mechanism.
type Descriptor struct {
	Kind schema.Kind
	// Anon lists the names of the kind's anonymous inodes: "eventfd" for the link "anon_inode:[eventfd]".
	Anon []string
	// Prefix begins every link of a kind that has no anonymous inode and that the walk does not know: "/dmabuf:".
	Prefix string
	// Walked lists the classes of descriptors that the walk itself recognises, by inode or device number.
	Walked []FDKind
	// Telling lists those of Walked whose fdinfo describes the object.
	Telling []FDKind
	// Files selects plain files and FIFOs whose fdinfo describes objects of the kind: by inode number, or all of them.
	Files func(t *Tick) (inodes map[uint64]bool, all bool)
	// Hidden counts in fdinfo the open files that only the object keeps. If Hidden is nil, the kind keeps none.
	Hidden func(info []byte) HiddenFiles
	// Identity reads from fdinfo the object of a descriptor, if the kernel numbers the objects. If Identity is nil or
	// returns false, kcmp(2) tells the open file descriptions apart.
	Identity func(info []byte) (ref schema.Ref, ok bool)
	// Ref names the object of a Walked descriptor. If Ref is nil, only a dump of the sockets or the file itself names
	// the object.
	Ref func(f *Tick, u FDUse) (ref schema.Ref, ok bool)
	// Watches is true if the kind's fdinfo lists other descriptors. The walk then reads the identities of those, too.
	Watches bool
	// Sockets lists the inode numbers of a kind of sockets. A socket's link does not tell its kind; only a dump does.
	// The thread is in the network namespace net. The kind itself reports what the dump could not read.
	Sockets func(t *Tick, net uint64) []uint64
	// Empty lists those of Sockets that hold no message, so Hidden has nothing to count. If Empty is nil, the sockets
	// of a kind with Hidden may all hold messages.
	Empty func(t *Tick, net uint64) []uint64
}

// IsObject reports whether the object goes away with its last descriptor. The objects of other kinds, such as
// namespaces, exist without descriptors.
func (d *Descriptor) IsObject() bool { return len(d.Anon) > 0 || d.Prefix != "" || d.Ref != nil }

// table gives each row the FDKind of the descriptors that the walk finds.
type table struct {
	rows     []Descriptor
	anon     map[string]FDKind
	prefixes []linkPrefix
	kinds    map[schema.Kind]FDKind // rows with Anon or Prefix only
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

// declared is the FDKind of the row that declares a prefix of the link, or 0.
func (t *table) declared(link []byte) FDKind {
	for _, p := range t.prefixes {
		if bytes.HasPrefix(link, p.text) {
			return p.kind
		}
	}
	return 0
}

// anonymous is the FDKind of the row that declares the name of an anonymous inode, or 0. Most names have brackets
// around them; those of inotify and BPF have none (fs/notify/inotify/inotify_user.c, kernel/bpf/syscall.c).
func (t *table) anonymous(name []byte) FDKind {
	if n := len(name); n > 2 && name[0] == '[' && name[n-1] == ']' {
		name = name[1 : n-1]
	}
	return t.anon[string(name)]
}

// FDKind is the class of a kind's descriptors. It is 0 for a kind whose descriptors the walk itself recognises.
func (t *Tick) FDKind(kind schema.Kind) FDKind { return t.table.kinds[kind] }

// KindOf is the kind of the object that a descriptor leads to. It is "" for a socket or a plain file, where the
// descriptor alone does not tell the kind.
func (t *Tick) KindOf(fd *FD) schema.Kind { return t.table.of[fd.Kind] }

// infoDemand tells which descriptors' fdinfo the walk reads.
type infoDemand struct {
	kinds  uint64          // bit n: descriptors of FDKind n
	inodes map[uint64]bool // of plain files and FIFOs
	files  bool            // all plain files and FIFOs
}

func (d infoDemand) wants(fd *FD) bool {
	return d.kinds>>fd.Kind&1 == 1 || (fd.Kind == FDFile || fd.Kind == FDFifo) && (d.files || d.inodes[fd.Ino])
}

// infoDemand gathers the kinds and the files that need fdinfo.
func (t *Tick) infoDemand() infoDemand {
	d := infoDemand{inodes: map[uint64]bool{}}
	watches := false
	for _, row := range t.table.rows {
		if t.Want[row.Kind].Has(NeedFDInfo) || t.Info[row.Kind] {
			d.kinds |= t.table.bits(row)
			watches = watches || row.Watches
		}
		if row.Files != nil {
			inodes, all := row.Files(t)
			maps.Copy(d.inodes, inodes)
			d.files = d.files || all
		}
	}
	for _, row := range t.table.rows {
		if watches && row.Identity != nil {
			d.kinds |= t.table.bits(row)
		}
	}
	return d
}

// bits are a row's bits in infoDemand.kinds.
func (t *table) bits(d Descriptor) (bits uint64) {
	if k, ok := t.kinds[d.Kind]; ok {
		bits = 1 << k
	}
	for _, k := range d.Telling {
		bits |= 1 << k
	}
	return bits
}

// Instance is an object that exists only as open descriptors. Uses are all its descriptors that the walk saw.
type Instance struct {
	Ref  schema.Ref
	Uses []FDUse
}

// Instances joins the descriptors of a kind into objects, by the number in fdinfo or else by open file description.
// Numbered objects are in order of their numbers, other objects in order of their first descriptors.
func (t *Tick) Instances(kind schema.Kind) []Instance {
	known := Memo(t, func(*Tick) instanceIndex { return instanceIndex{} })
	list, ok := known[kind]
	if !ok {
		list = t.join(kind)
		known[kind] = list
	}
	return list
}

// instanceIndex holds the instances of each kind that Instances was asked for.
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
		all = append(all, Instance{descriptorRef(kind, group), group})
	}
	if identity != nil {
		slices.SortFunc(all, func(a, b Instance) int { return schema.CompareRefs(a.Ref, b.Ref) })
	}
	return all
}

// numbered joins the descriptors whose fdinfo names their object, and returns the rest of the descriptors.
func numbered(uses []FDUse, identity func([]byte) (schema.Ref, bool)) (all []Instance, rest []FDUse) {
	byRef := map[schema.Ref][]FDUse{}
	for _, u := range uses {
		if ref, ok := identity(u.Process.Info[u.FD.ID()].Text); ok {
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

// descriptorRef names an open file description by the pid and number of its first descriptor: "epoll:4242/7". A
// descriptor in the own table of a thread has the thread's number. The start time of that process is the generation.
func descriptorRef(kind schema.Kind, uses []FDUse) schema.Ref {
	first := uses[0]
	name := strconv.Itoa(cmp.Or(first.OwnThread(), first.Process.PID)) + "/" + strconv.Itoa(int(first.FD.Num))
	return schema.Ref{Kind: kind, Name: name, Gen: first.Process.Start}
}

// FDKey is a descriptor: its number, and a thread that has it (FDUse.TID).
type FDKey struct {
	TID int
	FD  int32
}

// Key is the FDKey of the descriptor.
func (u FDUse) Key() FDKey { return FDKey{u.TID(), u.FD.Num} }

// Holding returns the processes that have objects of the kind open.
func (t *Tick) Holding(kind schema.Kind) map[*Process]bool {
	holding := map[*Process]bool{}
	for _, instance := range t.Instances(kind) {
		for _, u := range instance.Uses {
			holding[u.Process] = true
		}
	}
	return holding
}

// FDRefs returns the object of each descriptor of these processes, for the kinds in the table.
func (t *Tick) FDRefs(of map[*Process]bool) map[FDKey]schema.Ref {
	refs := map[FDKey]schema.Ref{}
	if len(of) == 0 {
		return refs
	}
	var walked [fdDeclared]func(*Tick, FDUse) (schema.Ref, bool)
	for _, row := range t.table.rows {
		for _, k := range row.Walked {
			walked[k] = row.Ref
		}
	}
	for p := range of {
		for i := range p.FDs {
			fd := &p.FDs[i]
			if fd.Kind >= fdDeclared || walked[fd.Kind] == nil {
				continue
			}
			if ref, ok := walked[fd.Kind](t, FDUse{p, fd}); ok {
				refs[FDUse{p, fd}.Key()] = ref
			}
		}
	}
	for kind := range t.table.kinds {
		for _, instance := range t.Instances(kind) {
			for _, u := range instance.Uses {
				if of[u.Process] {
					refs[u.Key()] = instance.Ref
				}
			}
		}
	}
	return refs
}

// SocketRefs adds to the FDRefs of these processes the sockets, which take a dump of each kind.
func (t *Tick) SocketRefs(of map[*Process]bool, refs map[FDKey]schema.Ref) {
	if len(of) == 0 {
		return
	}
	kinds := map[uint64]schema.Kind{}
	for _, row := range t.table.rows {
		if row.Sockets == nil {
			continue
		}
		for _, ino := range row.Sockets(t, t.OwnSpace("net")) {
			kinds[ino] = row.Kind
		}
	}
	for p := range of {
		for i := range p.FDs {
			fd := &p.FDs[i]
			if kind, ok := kinds[fd.Ino]; ok && fd.Kind == FDSocket {
				refs[FDUse{p, fd}.Key()] = schema.Ref{Kind: kind, ID: fd.Ino}
			}
		}
	}
}

// ByDescription groups the descriptors that share an open file description. kcmp(2) tells the descriptions apart.
// kcmp needs the right to ptrace both processes, and a kernel that has the call. Without kcmp, each descriptor is a
// group of its own. kcmp also gives an order: n descriptors need about n log n calls of one to two microseconds.
func (t *Tick) ByDescription(uses []FDUse) [][]FDUse {
	var groups [][]FDUse // in kcmp's order
	var alone [][]FDUse
	for _, u := range uses {
		failed := !t.Host.Live()
		at, found := slices.BinarySearchFunc(groups, u, func(g []FDUse, u FDUse) int {
			if failed {
				return 0
			}
			order, err := process.CompareFiles(g[0].TID(), int(g[0].FD.Num), u.TID(), int(u.FD.Num))
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
	return cmp.Or(int(a.FD.Table)-int(b.FD.Table), int(a.FD.Num-b.FD.Num))
}
