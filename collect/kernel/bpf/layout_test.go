package bpf

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// theirs answers what Layout answers, from cilium's reader of types.
type theirs struct {
	t    *testing.T
	spec *btf.Spec
}

func (l *theirs) member(structure string, path []string) (btf.Member, bool) {
	l.t.Helper()
	var s *btf.Struct
	if err := l.spec.TypeByName(structure, &s); err != nil {
		l.t.Fatal(err)
	}
	at := btf.Member{Type: s}
	for _, name := range path {
		m, ok := theirMember(at.Type, name)
		if !ok {
			return btf.Member{}, false
		}
		m.Offset += at.Offset
		at = m
	}
	return at, true
}

// theirMember also searches structures and unions without a name, like C.
func theirMember(t btf.Type, name string) (btf.Member, bool) {
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
		if inner, ok := theirMember(m.Type, name); m.Name == "" && ok {
			inner.Offset += m.Offset
			return inner, true
		}
	}
	return btf.Member{}, false
}

// Both readers of types say the same of every member of the structures that programs read.
func TestLayoutAgainstAnotherReader(t *testing.T) {
	types := openTypes(t)
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	other, l := &theirs{t, spec}, &Layout{types: types}
	members := 0
	for _, name := range []string{"task_struct", "pid", "upid", "nsproxy", "ipc_namespace", "ipc_ids", "sem_undo_list",
		"sem_undo", "sem_array", "kern_ipc_perm", "xa_node", "mutex", "semaphore", "rw_semaphore", "file", "inode",
		"pipe_inode_info", "sock", "unix_sock", "signal_struct", "cred", "mm_struct", "vm_area_struct", "dentry",
		"super_block", "pt_regs", "tty_struct", "files_struct"} {
		var s *btf.Struct
		if err := spec.TypeByName(name, &s); err != nil {
			t.Fatal(err)
		}
		if got := l.Size(name); got != int32(s.Size) {
			t.Errorf("size of %s: %d, want %d", name, got, s.Size)
		}
		for path := range membersOf(s) {
			members++
			want, ok := other.member(name, path)
			if got := l.Has(name, path...); got != ok {
				t.Errorf("%s has %s: %v", name, path, got)
			}
			if got := l.Offset(name, path...); got != int32(want.Offset.Bytes()) {
				t.Errorf("offset of %s.%s: %d, want %d", name, path, got, want.Offset.Bytes())
			}
			under := btf.UnderlyingType(want.Type)
			array, isArray := under.(*btf.Array)
			if !isArray {
				array = &btf.Array{}
			}
			if got := l.Elements(name, path...); got != int32(array.Nelems) {
				t.Errorf("elements of %s.%s: %d, want %d", name, path, got, array.Nelems)
			}
			_, isPointer := under.(*btf.Pointer)
			if got := l.IsPointer(name, path...); got != isPointer {
				t.Errorf("%s.%s is a pointer: %v", name, path, got)
			}
			if size, err := btf.Sizeof(under); err != nil || !isArray && l.Bytes(name, path...) != int32(size) {
				t.Errorf("bytes of %s.%s: %d, want %d, %v", name, path, l.Bytes(name, path...), size, err)
			}
		}
	}
	if l.err != nil {
		t.Error(l.err)
	}
	if members < 500 {
		t.Errorf("only %d members", members)
	}
	for _, kind := range []string{"task", "task_file", "task_vma"} {
		var f *btf.Func
		if err := spec.TypeByName("bpf_iter_"+kind, &f); err != nil {
			t.Fatal(err)
		}
		want, _ := spec.TypeID(f)
		if got, err := types.iterator(kind); err != nil || got != uint32(want) {
			t.Errorf("iterator %s: %d, want %d, %v", kind, got, want, err)
		}
	}
}

// membersOf visits the members of a structure, and the members of the structures in it.
func membersOf(s *btf.Struct) func(func([]string) bool) {
	var visit func(t btf.Type, path []string, yield func([]string) bool) bool
	visit = func(t btf.Type, path []string, yield func([]string) bool) bool {
		var members []btf.Member
		switch t := btf.UnderlyingType(t).(type) {
		case *btf.Struct:
			members = t.Members
		case *btf.Union:
			members = t.Members
		}
		for _, m := range members {
			at := path
			if m.Name != "" {
				at = append(slices.Clone(path), m.Name)
				if !yield(at) {
					return false
				}
			}
			if len(at) < 4 && !visit(m.Type, at, yield) {
				return false
			}
		}
		return true
	}
	return func(yield func([]string) bool) { visit(s, nil, yield) }
}

func openTypes(t testing.TB) *Types {
	types, err := OpenTypes()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { types.Close() })
	return types
}

func TestValuesOfEnumerations(t *testing.T) {
	l := &Layout{types: openTypes(t)}
	if got := l.Value("pid_type", "PIDTYPE_SID"); got != 3 || l.err != nil { // include/linux/pid_types.h
		t.Errorf("PIDTYPE_SID is %d, %v", got, l.err)
	}
	l.Value("pid_type", "PIDTYPE_NONE")
	if want := "enum pid_type has no value PIDTYPE_NONE"; l.err == nil || l.err.Error() != want {
		t.Errorf("error %v, want %s", l.err, want)
	}
}

// Damaged types are an error, or have wrong members. They are no circle and no crash.
func FuzzTypes(f *testing.F) {
	small := smallTypes()
	f.Add(small)
	for i := range len(small) / 4 {
		damaged := slices.Clone(small)
		damaged[4*i] ^= 0x55
		f.Add(damaged)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		types, err := readTypes(text)
		if err != nil {
			return
		}
		l := &Layout{types: types}
		l.Size("outer")
		for _, path := range [][]string{{"first"}, {"deep"}, {"list"}, {"inner", "x"}} {
			l.Offset("outer", path...)
			l.IsPointer("outer", path...)
			l.Elements("outer", path...)
			l.Bytes("outer", path...)
		}
		l.Value("sort", "two")
		types.iterator("task")
	})
}

// The same, with the kernel's own types and random damage.
func TestDamagedTypes(t *testing.T) {
	whole, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Skip(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	text := slices.Clone(whole)
	for range 40 {
		undo := map[int]byte{}
		for range 1 << random.IntN(12) {
			at := random.IntN(len(text))
			if _, done := undo[at]; !done {
				undo[at] = text[at]
			}
			text[at] = byte(random.Uint32())
		}
		if types, err := readTypes(text); err == nil {
			l := &Layout{types: types}
			l.Offset("task_struct", "sysvsem", "undo_list")
			l.Offset("task_struct", "nothing")
		}
		for at, b := range undo {
			text[at] = b
		}
	}
}

// smallTypes describes: struct outer { int first; struct { int deep; }; const int list[7]; struct outer *inner; },
// enum sort { two = 2 }.
func smallTypes() []byte {
	w := &typeText{names: []byte{0}}
	w.add("int", kindInt, 0, 4, 32)
	w.add("", kindStruct, 1, 4, w.name("deep"), 1, 0)
	w.add("", kindConst, 0, 1)
	w.add("", kindArray, 0, 0, 3, 1, 7)
	w.add("", kindPointer, 0, 6)
	w.add("outer", kindStruct, 4, 48, w.name("first"), 1, 0, 0, 2, 32, w.name("list"), 4, 64, w.name("inner"), 5, 320)
	w.add("sort", kindEnum, 1, 4, w.name("two"), 2)
	w.add("", kindPrototype, 0, 1)
	w.add("bpf_iter_task", kindFunction, 0, 8)
	return w.text()
}

func TestSmallTypes(t *testing.T) {
	types, err := readTypes(smallTypes())
	if err != nil {
		t.Fatal(err)
	}
	l := &Layout{types: types}
	got := []int32{l.Size("outer"), l.Offset("outer", "deep"), l.Offset("outer", "list"), l.Elements("outer", "list"),
		l.Offset("outer", "inner"), l.Bytes("outer", "inner"), l.Value("sort", "two")}
	if want := []int32{48, 4, 8, 7, 40, 8, 2}; !slices.Equal(got, want) || l.err != nil {
		t.Errorf("%d, want %d, %v", got, want, l.err)
	}
	if id, err := types.iterator("task"); id != 9 || err != nil {
		t.Errorf("the iterator is type %d, want 9, %v", id, err)
	}
	short := smallTypes()
	binary.NativeEndian.PutUint32(short[12:], 13)
	if _, err := readTypes(short); err == nil {
		t.Error("half a type is no error")
	}
}

func BenchmarkOpenTypes(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		types, err := OpenTypes()
		if err != nil {
			b.Skip(err)
		}
		types.Close()
	}
}
