package kinds

import (
	"math"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// userfaultfd is the kind of descriptors by which a process resolves page faults: userfaultfd(2).
const userfaultfd schema.Kind = "userfaultfd"

// UserfaultFDRow is a userfaultfd.
type UserfaultFDRow struct {
	descriptor
	pending, total        uint64
	api, features, ioctls uint64
	parse                 error
}

// UserfaultFD is the kind of userfaultfds.
func UserfaultFD() *Mechanism {
	return &Mechanism{
		Kind: userfaultfd, Family: Notify, Title: "Userfaultfds",
		Help:       "descriptors by which a process resolves page faults, with the faults that wait for it",
		Descriptor: &proc.Descriptor{Kind: userfaultfd, Anon: []string{"userfaultfd"}},
		Columns:    userfaultfdColumns(),
		Default:    []string{"pending", "total", "features", "holders", "waiters"},
		Needs:      descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			return collectDescriptors(t, userfaultfd, func(d descriptor) *UserfaultFDRow {
				r := &UserfaultFDRow{descriptor: d}
				r.parse = r.read(d.info.Text)
				return r
			}), nil
		},
		Relate: relateDescriptors, Label: descriptorLabel,
	}
}

// read takes fdinfo apart (userfaultfd_show_fdinfo, fs/userfaultfd.c). The three numbers of API are hexadecimal.
func (r *UserfaultFDRow) read(info []byte) error {
	pending, ok := fdinfo.Uint(info, "pending", 10)
	total, ok2 := fdinfo.Uint(info, "total", 10)
	word, ok3 := fdinfo.Word(info, "API")
	api, rest, ok4 := strings.Cut(word, ":")
	features, ioctls, ok5 := strings.Cut(rest, ":")
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 {
		return proc.ErrNotTold
	}
	r.pending, r.total = pending, total
	for _, field := range []struct {
		digits string
		number *uint64
	}{{api, &r.api}, {features, &r.features}, {ioctls, &r.ioctls}} {
		var err error
		if *field.number, err = strconv.ParseUint(field.digits, 16, 64); err != nil {
			return err
		}
	}
	return nil
}

func userfaultfdColumns() []schema.Column {
	type row = UserfaultFDRow
	col := func(id string, typ schema.Type, width int, help string, get func(*row) schema.Value) schema.Column {
		return schema.Col(id, typ, width, descriptorNeeds, help, func(r *row) schema.Value {
			return r.infoCell(typ, r.parse, func() schema.Value { return get(r) })
		})
	}
	count := func(n uint64) schema.Value { return schema.Int(int64(min(n, math.MaxInt64))) }
	return descriptorColumns("threads that sleep in read; the kernel does not tell who sleeps in a page fault",
		col("pending", schema.TypeInt, 7, "page faults that nobody has read yet; each is a thread that sleeps",
			func(r *row) schema.Value { return count(r.pending) }),
		col("total", schema.TypeInt, 6, "page faults that are not resolved, read or not; each is a thread that sleeps",
			func(r *row) schema.Value { return count(r.total) }),
		col("api", schema.TypeString, 5, "version of the interface that the kernel offers (UFFD_API)",
			func(r *row) schema.Value { return schema.String("0x" + strconv.FormatUint(r.api, 16)) }),
		col("features", schema.TypeList, 24,
			"UFFD_FEATURE_* that it was set up with; initialized: UFFDIO_API was called (Linux 5.15)",
			func(r *row) schema.Value { return schema.List(bitNames(r.features, userfaultfdFeatures())) }),
		col("ioctls", schema.TypeList, 24, "UFFDIO_* that the kernel offers, for some sort of memory",
			func(r *row) schema.Value { return schema.List(bitNames(r.ioctls, userfaultfdIoctls())) }))
}

// bitNames lists the bits of a mask. A bit without a name is its number in hexadecimal.
func bitNames(mask uint64, names map[int]string) []string {
	words := []string{}
	for bit := range 64 {
		if mask>>bit&1 == 0 {
			continue
		}
		name, ok := names[bit]
		if !ok {
			name = "0x" + strconv.FormatUint(1<<bit, 16)
		}
		words = append(words, name)
	}
	return words
}

// userfaultfdFeatures are UFFD_FEATURE_* of include/uapi/linux/userfaultfd.h in lower case, by bit. The kernel itself
// sets bit 31, UFFD_FEATURE_INITIALIZED (fs/userfaultfd.c).
func userfaultfdFeatures() map[int]string {
	return map[int]string{0: "pagefault_flag_wp", 1: "event_fork", 2: "event_remap", 3: "event_remove",
		4: "missing_hugetlbfs", 5: "missing_shmem", 6: "event_unmap", 7: "sigbus", 8: "thread_id", 9: "minor_hugetlbfs",
		10: "minor_shmem", 11: "exact_address", 12: "wp_hugetlbfs_shmem", 13: "wp_unpopulated", 14: "poison",
		15: "wp_async", 16: "move", 31: "initialized"}
}

// userfaultfdIoctls are _UFFDIO_* of include/uapi/linux/userfaultfd.h in lower case, by bit.
func userfaultfdIoctls() map[int]string {
	return map[int]string{0: "register", 1: "unregister", 2: "wake", 3: "copy", 4: "zeropage", 5: "move",
		6: "writeprotect", 7: "continue", 8: "poison", 63: "api"}
}
