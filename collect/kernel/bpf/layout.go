package bpf

import "fmt"

// Layout finds members of the running kernel's structures. It keeps the first error, which OpenIterator returns.
type Layout struct {
	types *Types
	err   error
}

func (l *Layout) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// member is a member of a structure.
type member struct {
	bits uint32 // its offset from the structure's beginning, in bits
	typ  uint32
}

// structure is the id of a structure or union.
func (l *Layout) structure(name string) (uint32, record, error) {
	return l.types.byName(name, kindStruct, kindUnion)
}

// Size is the size of a structure, in bytes.
func (l *Layout) Size(name string) int32 {
	_, r, err := l.structure(name)
	if err != nil {
		l.fail(err)
		return 0
	}
	return int32(r.word(2))
}

// Offset is the offset of a member in a structure, in bytes. path goes from a member to a member of this member.
// Members of a structure without a name are members of the structure around it, like in C.
func (l *Layout) Offset(structure string, path ...string) int32 {
	return int32(l.member(structure, path).bits / 8)
}

// Has is true if a structure has a member. Not all kernels have the same members.
func (l *Layout) Has(structure string, path ...string) bool {
	_, err := l.find(structure, path)
	return err == nil
}

// IsPointer is true if a member is a pointer.
func (l *Layout) IsPointer(structure string, path ...string) bool {
	r := l.types.plain(l.member(structure, path).typ)
	return r != nil && r.kind() == kindPointer
}

// Elements is the length of a member that is an array; 0: the member is no array.
func (l *Layout) Elements(structure string, path ...string) int32 {
	r := l.types.plain(l.member(structure, path).typ)
	if r == nil || r.kind() != kindArray {
		return 0
	}
	return int32(r.word(5))
}

// Bytes is the size of a member, in bytes: of a number, a structure or a pointer. 0: the member is of another sort.
func (l *Layout) Bytes(structure string, path ...string) int32 {
	r := l.types.plain(l.member(structure, path).typ)
	switch {
	case r == nil:
		return 0
	case r.kind() == kindPointer:
		return 8
	case r.kind() == kindInt, r.kind() == kindStruct, r.kind() == kindUnion, r.kind() == kindEnum:
		return int32(r.word(2))
	}
	return 0
}

// Value is a value of an enumeration.
func (l *Layout) Value(enum, name string) int32 {
	_, r, err := l.types.byName(enum, kindEnum)
	if err != nil {
		l.fail(err)
		return 0
	}
	for i := range r.count() {
		if string(l.types.name(r.word(3+2*i))) == name {
			return int32(r.word(3 + 2*i + 1))
		}
	}
	l.fail(fmt.Errorf("enum %s has no value %s", enum, name))
	return 0
}

func (l *Layout) member(structure string, path []string) member {
	m, err := l.find(structure, path)
	if err != nil {
		l.fail(err)
	}
	return m
}

func (l *Layout) find(structure string, path []string) (member, error) {
	id, _, err := l.structure(structure)
	if err != nil {
		return member{}, err
	}
	at := member{typ: id}
	for _, name := range path {
		m, ok := l.types.memberOf(at.typ, name, 0)
		if !ok {
			return member{}, fmt.Errorf("struct %s has no member %q", structure, path)
		}
		at = member{at.bits + m.bits, m.typ}
	}
	return at, nil
}

// memberOf finds a member, also in structures and unions without a name. depth ends a circle, which no kernel has.
func (t *Types) memberOf(id uint32, name string, depth int) (member, bool) {
	const deepest = 16
	r := t.plain(id)
	if r == nil || r.kind() != kindStruct && r.kind() != kindUnion || depth > deepest {
		return member{}, false
	}
	for i := range r.count() {
		m := member{r.word(3 + 3*i + 2), r.word(3 + 3*i + 1)}
		if r.flag() {
			m.bits &= 1<<24 - 1 // the rest is the size of a bit field
		}
		if called := r.word(3 + 3*i); called != 0 {
			if string(t.name(called)) == name {
				return m, true
			}
			continue
		}
		if inner, ok := t.memberOf(m.typ, name, depth+1); ok {
			return member{m.bits + inner.bits, inner.typ}, true
		}
	}
	return member{}, false
}
