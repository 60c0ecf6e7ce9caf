package bpf

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// Layout finds members of the running kernel's structures. It reads the kernel's own description of its types,
// /sys/kernel/btf/vmlinux. It keeps the first error, which OpenIterator returns.
type Layout struct {
	spec *btf.Spec
	err  error
}

func (l *Layout) structure(name string) *btf.Struct {
	var s *btf.Struct
	if err := l.spec.TypeByName(name, &s); err != nil {
		l.fail(fmt.Errorf("struct %s: %w", name, err))
		return &btf.Struct{}
	}
	return s
}

func (l *Layout) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// Size is the size of a structure, in bytes.
func (l *Layout) Size(name string) int32 { return int32(l.structure(name).Size) }

// Offset is the offset of a member in a structure, in bytes. path goes from a member to a member of this member.
func (l *Layout) Offset(structure string, path ...string) int32 {
	return int32(l.member(structure, path...).Offset.Bytes())
}

// IsPointer is true if a member is a pointer.
func (l *Layout) IsPointer(structure string, path ...string) bool {
	_, ok := l.member(structure, path...).Type.(*btf.Pointer)
	return ok
}

// Elements is the length of a member that is an array; 0: the member is no array.
func (l *Layout) Elements(structure string, path ...string) int32 {
	array, ok := btf.UnderlyingType(l.member(structure, path...).Type).(*btf.Array)
	if !ok {
		return 0
	}
	return int32(array.Nelems)
}

// member finds a member; its offset counts from the structure's beginning.
func (l *Layout) member(structure string, path ...string) btf.Member {
	at := btf.Member{Type: l.structure(structure)}
	for _, name := range path {
		m, ok := memberOf(at.Type, name)
		if !ok {
			l.fail(fmt.Errorf("struct %s has no member %q", structure, path))
			return btf.Member{}
		}
		m.Offset += at.Offset
		at = m
	}
	return at
}

// memberOf also searches structures and unions without a name, like C.
func memberOf(t btf.Type, name string) (btf.Member, bool) {
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		if m.Name == name {
			return m, true
		}
		if m.Name != "" {
			continue
		}
		if inner, ok := memberOf(m.Type, name); ok {
			inner.Offset += m.Offset
			return inner, true
		}
	}
	return btf.Member{}, false
}
