package kinds

import (
	"math"
	"strconv"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// bpf is the kind of BPF maps, programs and links (man 2 bpf). Maps, programs and links have numbers of their own
// each. So a Ref also has the sort of the object: "bpf:map/5".
const bpf schema.Kind = "bpf"

// BPFRow is a BPF map, program or link that a process has open.
type BPFRow struct {
	descriptor
	object string // map, prog or link; "": fdinfo of this kernel has no number
}

// BPF is the Mechanism of BPF objects.
func BPF() *Mechanism {
	return &Mechanism{
		Kind: bpf, Family: Notify, Title: "BPF objects",
		Ends: "a BPF object goes away when its pins are removed (rm below /sys/fs/bpf) and its last user is gone: " +
			"end its holders with " + EndHolders,
		Help: "BPF maps, programs and links that processes have open; " +
			"pinned ones without a descriptor are not seen",
		Descriptor: &proc.Descriptor{Kind: bpf, Anon: []string{"bpf-map", "bpf-prog", "bpf_link"},
			Identity: bpfIdentity},
		Columns: bpfColumns(),
		Default: []string{"object", "type", "max_entries", "memlock", "prog", "holders"},
		Needs:   descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			return collectDescriptors(t, bpf, func(d descriptor) *BPFRow {
				object, _, _ := bpfObject(d.info.Text)
				return &BPFRow{descriptor: d, object: object}
			}), nil
		},
		Relate: relateBPF, Label: descriptorLabel,
	}
}

// bpfObject reads the object of a descriptor from fdinfo. fdinfo has map_id and prog_id since Linux 4.13, and link_id
// since 5.7. A link also has the prog_id of its program (bpf_map_show_fdinfo, bpf_prog_show_fdinfo and
// bpf_link_show_fdinfo, kernel/bpf/syscall.c).
func bpfObject(info []byte) (object string, id uint64, ok bool) {
	for _, object := range []string{"link", "map", "prog"} {
		if id, ok := fdinfo.Uint(info, object+"_id", 10); ok {
			return object, id, true
		}
	}
	return "", 0, false
}

func bpfRef(object string, id uint64) schema.Ref {
	return schema.Ref{Kind: bpf, ID: id, Name: object + "/" + strconv.FormatUint(id, 10)}
}

func bpfIdentity(info []byte) (schema.Ref, bool) {
	object, id, ok := bpfObject(info)
	return bpfRef(object, id), ok
}

func bpfColumns() []schema.Column {
	type row = BPFRow
	col := func(id string, typ schema.Type, width int, help string, get func(*row) schema.Value) schema.Column {
		return schema.Col(id, typ, width, descriptorNeeds, help, func(r *row) schema.Value {
			return r.infoCell(typ, nil, func() schema.Value { return get(r) })
		})
	}
	num := func(id string, width int, help string) schema.Column {
		return col(id, schema.TypeInt, width, help, func(r *row) schema.Value { return intField(r.info.Text, id) })
	}
	text := func(id string, width int, help string) schema.Column {
		return col(id, schema.TypeString, width, help, func(r *row) schema.Value { return r.word(id) })
	}
	return descriptorColumns("threads that sleep in a call on it",
		col("object", schema.TypeString, 6, "map, prog or link", func(r *row) schema.Value {
			return WordValue(r.object)
		}),
		col("id", schema.TypeInt, 6, "the kernel's number among the maps, the programs or the links",
			func(r *row) schema.Value {
				return intField(r.info.Text, r.object+"_id")
			}),
		col("type", schema.TypeString, 18, "type of the map, program or link, in bpftool's words", (*row).typeName),
		num("key_size", 8, "bytes of a map's key"),
		num("value_size", 10, "bytes of a map's value"),
		num("max_entries", 11, "the most entries that a map holds"),
		col("memlock", schema.TypeBytes, 9, "memory that the kernel accounts to a map or program",
			func(r *row) schema.Value { return bytesField(r.info.Text, "memlock") }),
		col("frozen", schema.TypeBool, 6, "whether user space may no longer write to a map (BPF_MAP_FREEZE)",
			func(r *row) schema.Value { return r.flag("frozen") }),
		col("jited", schema.TypeBool, 5, "whether a program runs as machine code",
			func(r *row) schema.Value { return r.flag("prog_jited") }),
		col("tag", schema.TypeString, 16, "hash of a program's instructions, also of the program behind a link",
			func(r *row) schema.Value { return r.word("prog_tag") }),
		text("map_flags", 9, "flags that a map was made with (BPF_F_*), in hexadecimal"),
		text("map_extra", 9, "a number that some types of maps take, in hexadecimal"),
		num("owner_prog_type", 15, "type of the programs that a map of programs takes, as a number"),
		col("run_time", schema.TypeDuration, 8, "time that a program ran, if kernel.bpf_stats_enabled is on",
			func(r *row) schema.Value {
				n, ok := fdinfo.Uint(r.info.Text, "run_time_ns", 10)
				if !ok {
					return schema.None(schema.TypeDuration)
				}
				return schema.Duration(time.Duration(min(n, math.MaxInt64)))
			}),
		num("run_cnt", 7, "how often a program ran, if kernel.bpf_stats_enabled is on"),
		num("recursion_misses", 16, "runs of a program that were left out because it was running already"),
		num("verified_insns", 14, "instructions that the verifier looked at"),
		col("prog", schema.TypeRef, 12, "program behind a link", func(r *row) schema.Value {
			if ref, ok := r.program(); ok {
				return schema.RefValue(ref)
			}
			return schema.None(schema.TypeRef)
		}))
}

func (r *BPFRow) flag(field string) schema.Value {
	n, ok := fdinfo.Int(r.info.Text, field)
	if !ok {
		return schema.None(schema.TypeBool)
	}
	return schema.Bool(n != 0)
}

func (r *BPFRow) word(field string) schema.Value {
	word, _ := fdinfo.Word(r.info.Text, field)
	return WordValue(word)
}

// program is the program of a link. A link with a detached program, or without a program, has prog_id 0.
func (r *BPFRow) program() (schema.Ref, bool) {
	id, ok := fdinfo.Uint(r.info.Text, "prog_id", 10)
	return bpfRef("prog", id), r.object == "link" && ok && id != 0
}

// typeName is bpftool's word for the type. fdinfo has a number for the type of a map or a program. For a link fdinfo
// has a word, or "<9>" for a type without a word.
func (r *BPFRow) typeName() schema.Value {
	word, ok := fdinfo.Word(r.info.Text, r.object+"_type")
	var names []string
	switch r.object {
	case "map":
		names = bpfMapTypes()
	case "prog":
		names = bpfProgTypes()
	}
	if n, err := strconv.Atoi(word); err == nil && ok && 0 <= n && n < len(names) {
		word = names[n]
	}
	return WordValue(word)
}

// bpfMapTypes are enum bpf_map_type of include/uapi/linux/bpf.h in bpftool's words.
func bpfMapTypes() []string {
	return []string{"unspec", "hash", "array", "prog_array", "perf_event_array", "percpu_hash", "percpu_array",
		"stack_trace", "cgroup_array", "lru_hash", "lru_percpu_hash", "lpm_trie", "array_of_maps", "hash_of_maps",
		"devmap",
		"sockmap", "cpumap", "xskmap", "sockhash", "cgroup_storage", "reuseport_sockarray", "percpu_cgroup_storage",
		"queue", "stack", "sk_storage", "devmap_hash", "struct_ops", "ringbuf", "inode_storage", "task_storage",
		"bloom_filter", "user_ringbuf", "cgrp_storage", "arena"}
}

// bpfProgTypes are enum bpf_prog_type of include/uapi/linux/bpf.h in bpftool's words.
func bpfProgTypes() []string {
	return []string{"unspec", "socket_filter", "kprobe", "sched_cls", "sched_act", "tracepoint", "xdp", "perf_event",
		"cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg",
		"raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "lirc_mode2", "sk_reuseport", "flow_dissector",
		"cgroup_sysctl", "raw_tracepoint_writable", "cgroup_sockopt", "tracing", "struct_ops", "ext", "lsm",
		"sk_lookup", "syscall", "netfilter"}
}

// relateBPF adds the edges to the holders of each object, and from each link to its program.
func relateBPF(t *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	relateDescriptors(t, objects, add)
	for _, o := range objects {
		if ref, ok := o.Row.(*BPFRow).program(); ok {
			add(schema.Edge{From: o.Ref, To: ref, Rel: schema.RelHolds, Via: schema.InWords("link"),
				Proof: schema.Observed})
		}
	}
}
