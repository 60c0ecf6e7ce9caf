package bpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Types is the running kernel's description of its own types, /sys/kernel/btf/vmlinux
// (Documentation/bpf/btf.rst). It has 130,000 types in 5 MB, of which a program needs two dozen. So Types allocates
// nothing for a type: one look over all types notes where structures, enumerations and iterators are. That takes two
// milliseconds.
//
// A type is 12 bytes {name, info, size or type}, and then what its sort needs. Its id is its place in the list,
// from 1 on.
type Types struct {
	types, names []byte
	named        []namedType
	marks        []uint32 // the offset of each marked type: the ids 1, 1+markEvery, 1+2*markEvery, …
	last         uint32   // the highest id
	memory       []byte   // what Close gives back
}

// namedType is a type that can be found by its name.
type namedType struct{ hash, id uint32 }

// markEvery is the distance of marks. From a mark on, a type is found by steps from type to type.
const markEvery = 32

// Sorts of types (BTF_KIND_* in include/uapi/linux/btf.h).
const (
	kindInt = 1 + iota
	kindPointer
	kindArray
	kindStruct
	kindUnion
	kindEnum
	kindForward
	kindTypedef
	kindVolatile
	kindConst
	kindRestrict
	kindFunction
	kindPrototype
	kindVariable
	kindSection
	kindFloat
	kindDeclTag
	kindTypeTag
	kindEnum64
)

// errTypes means that the description is damaged, or of a form that did not exist when this was written.
var errTypes = errors.New("the kernel's types (BTF) are malformed")

// OpenTypes reads the kernel's types. The caller closes them; a program that is loaded needs them no more.
// fs.ErrNotExist: the kernel has no type information (CONFIG_DEBUG_INFO_BTF).
func OpenTypes() (*Types, error) {
	text, err := mapTypes("/sys/kernel/btf/vmlinux")
	if err != nil {
		return nil, fmt.Errorf("the kernel's types (BTF): %w", err)
	}
	t, err := readTypes(text)
	if err != nil {
		unix.Munmap(text)
		return nil, err
	}
	t.memory = text
	return t, nil
}

// Close gives the memory back.
func (t *Types) Close() error { return unix.Munmap(t.memory) }

// mapTypes maps the file. Before Linux 6.16 that is impossible: then it reads the file, which gives a page at a time.
func mapTypes(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := int(info.Size())
	if text, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_PRIVATE); err == nil {
		return text, nil
	}
	text, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("memory of %d bytes: %w", size, err)
	}
	if _, err := io.ReadFull(f, text); err != nil {
		unix.Munmap(text)
		return nil, err
	}
	return text, nil
}

// readTypes makes the index. text stays in use.
func readTypes(text []byte) (*Types, error) {
	const magic, fixed = 0xeb9f, 24
	if len(text) < fixed || binary.NativeEndian.Uint16(text) != magic || text[2] != 1 { // version
		return nil, errTypes
	}
	part := func(at int) []byte { // the header names a part by its offset behind the header, and its length
		from := uint64(binary.NativeEndian.Uint32(text[4:])) + uint64(binary.NativeEndian.Uint32(text[at:]))
		to := from + uint64(binary.NativeEndian.Uint32(text[at+4:]))
		if to > uint64(len(text)) {
			return nil
		}
		return text[from:to]
	}
	t := &Types{types: part(8), names: part(16)}
	if len(t.types) < typeHead || len(t.names) == 0 || t.names[len(t.names)-1] != 0 {
		return nil, errTypes
	}
	return t, t.index()
}

func (t *Types) index() error {
	t.marks = make([]uint32, 0, len(t.types)/(24*markEvery))
	t.named = make([]namedType, 0, len(t.types)/200)
	at := 0
	for ; at < len(t.types); t.last++ {
		if t.last%markEvery == 0 {
			t.marks = append(t.marks, uint32(at))
		}
		if at+typeHead > len(t.types) {
			return errTypes
		}
		r := record(t.types[at:])
		switch r.kind() {
		case kindStruct, kindUnion, kindEnum, kindEnum64:
			if r.word(0) != 0 {
				t.named = append(t.named, namedType{hashOf(t.name(r.word(0))), t.last + 1})
			}
		case kindFunction:
			if at := r.word(0); uint64(at) < uint64(len(t.names)) && startsIterator(t.names[at:]) {
				t.named = append(t.named, namedType{hashOf(t.name(at)), t.last + 1})
			}
		}
		size := r.size()
		if size == 0 || size > len(t.types)-at {
			return errTypes
		}
		at += size
	}
	return nil
}

// iterPrefix begins the name of the kernel function whose arguments are the context of an iterator.
const iterPrefix = "bpf_iter_"

func startsIterator(name []byte) bool {
	return len(name) >= len(iterPrefix) && string(name[:len(iterPrefix)]) == iterPrefix
}

// record is a type, and all bytes behind it.
type record []byte

const typeHead = 12

func (r record) word(i int) uint32 { return binary.NativeEndian.Uint32(r[4*i:]) }

func (r record) kind() uint32 { return r.word(1) >> 24 & 0x1f }

// count is the number of members, values or parameters.
func (r record) count() int { return int(r.word(1) & 0xffff) }

// flag means of a structure: the offsets of its members also hold the sizes of bit fields.
func (r record) flag() bool { return r.word(1)>>31 != 0 }

// size is the length of the record without the bytes behind it. 0: an unknown sort.
func (r record) size() int {
	switch r.kind() {
	case kindPointer, kindForward, kindTypedef, kindVolatile, kindConst, kindRestrict, kindFunction, kindFloat,
		kindTypeTag:
		return typeHead
	case kindInt, kindVariable, kindDeclTag:
		return typeHead + 4
	case kindArray:
		return typeHead + 12
	case kindStruct, kindUnion, kindSection, kindEnum64:
		return typeHead + 12*r.count()
	case kindEnum, kindPrototype:
		return typeHead + 8*r.count()
	}
	return 0
}

// name is a name without its final NUL. Names end before the end of the list.
func (t *Types) name(at uint32) []byte {
	if uint64(at) >= uint64(len(t.names)) {
		return nil
	}
	name := t.names[at:]
	return name[:bytes.IndexByte(name, 0)]
}

// hashOf is FNV-1a of 32 bits.
func hashOf[T []byte | string](name T) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h
}

// byID is a type. It is nil for void, whose id is 0, and for an id that does not exist.
func (t *Types) byID(id uint32) record {
	if id == 0 || id > t.last {
		return nil
	}
	r := record(t.types[t.marks[(id-1)/markEvery]:])
	for range (id - 1) % markEvery {
		r = r[r.size():]
	}
	return r
}

// byName finds the type with a name, of one of the sorts. The kernel may have two structures of one name, which are
// private to two files: then the name says nothing, and is an error.
func (t *Types) byName(name string, kinds ...uint32) (id uint32, r record, err error) {
	hash := hashOf(name)
	for _, n := range t.named {
		if n.hash != hash {
			continue
		}
		found := t.byID(n.id)
		if string(t.name(found.word(0))) != name || !contains(kinds, found.kind()) {
			continue
		}
		if r != nil {
			return 0, nil, fmt.Errorf("the kernel has more than one type %s", name)
		}
		id, r = n.id, found
	}
	if r == nil {
		return 0, nil, fmt.Errorf("the kernel has no type %s", name)
	}
	return id, r, nil
}

// contains is slices.Contains, without an allocation for the list.
func contains(kinds []uint32, kind uint32) bool {
	for _, k := range kinds {
		if k == kind {
			return true
		}
	}
	return false
}

// plain is the type without the names and qualifiers around it: typedef, const, volatile.
func (t *Types) plain(id uint32) record {
	r := t.byID(id)
	for range 32 { // the kernel's own limit (MAX_RESOLVE_DEPTH in kernel/bpf/btf.c)
		if r == nil {
			return nil
		}
		switch r.kind() {
		case kindTypedef, kindConst, kindVolatile, kindRestrict, kindTypeTag:
			r = t.byID(r.word(2))
		default:
			return r
		}
	}
	return nil
}

// iterator is the id of the function whose arguments are the context of the iterator over a kind.
func (t *Types) iterator(kind string) (uint32, error) {
	id, _, err := t.byName(iterPrefix+kind, kindFunction)
	if err != nil {
		return 0, fmt.Errorf("the kernel's %s iterator: %w", strings.ReplaceAll(kind, "_", " "), err)
	}
	return id, nil
}
