package kinds

import (
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// InotifyRow is an inotify instance.
type InotifyRow struct {
	descriptor
	Watched []fdinfo.InotifyWatch
}

// Inotify is the Mechanism of inotify instances.
func Inotify() *Mechanism {
	type row = InotifyRow
	list := func(id string, width int, help string, word func(fdinfo.InotifyWatch) string) schema.Column {
		return schema.Col(id, schema.TypeList, width, descriptorNeeds, help, func(r *row) schema.Value {
			return r.infoCell(schema.TypeList, nil, func() schema.Value {
				words := make([]string, 0, len(r.Watched))
				for _, w := range r.Watched {
					words = append(words, word(w))
				}
				return schema.List(words)
			})
		})
	}
	return &Mechanism{
		Kind: schema.Inotify, Family: Notify, Title: "Inotify instances",
		Help:       "who is told of changes to which files and directories",
		Descriptor: &proc.Descriptor{Kind: schema.Inotify, Anon: []string{"inotify"}},
		Columns: descriptorColumns("threads that sleep in read",
			schema.Col("watches", schema.TypeInt, 7, descriptorNeeds, "how many it watches", func(r *row) schema.Value {
				return r.infoCell(schema.TypeInt, nil, func() schema.Value { return schema.Int(int64(len(r.Watched))) })
			}),
			list("inodes", 24, "files that it watches, as inode@major:minor", inotifyInode),
			list("events", 24, "what is asked for of each file: access, modify, create, …, as in man 7 inotify",
				func(w fdinfo.InotifyWatch) string {
					return eventNames(w.Mask, inotifyEvents())
				})),
		Default: []string{"watches", "inodes", "holders", "waiters"},
		Needs:   descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			return collectDescriptors(t, schema.Inotify, func(d descriptor) *row {
				return &row{descriptor: d, Watched: fdinfo.ParseInotify(d.info.Text)}
			}), nil
		},
		Relate: relateDescriptors, Label: descriptorLabel,
	}
}

func inotifyInode(w fdinfo.InotifyWatch) string {
	return strconv.FormatUint(w.Ino, 10) + "@" + schema.FormatDev(w.Dev)
}

// eventName is a bit of a mask with its name.
type eventName struct {
	bit  uint32
	name string
}

// inotifyEvents are the events of man 7 inotify, in lower case without IN_.
func inotifyEvents() []eventName {
	return []eventName{
		{1, "access"}, {2, "modify"}, {4, "attrib"}, {8, "close_write"}, {0x10, "close_nowrite"}, {0x20, "open"},
		{0x40, "moved_from"}, {0x80, "moved_to"},
		{0x100, "create"}, {0x200, "delete"}, {0x400, "delete_self"}, {0x800, "move_self"}, {1 << 24, "onlydir"},
		{1 << 25, "dont_follow"},
		{1 << 26, "excl_unlink"}, {1 << 31, "oneshot"},
	}
}

// eventNames lists the bits of a mask as words with "|" between them. It leaves out bits without a name.
func eventNames(mask uint32, names []eventName) string {
	var words string
	for _, n := range names {
		if mask&n.bit != 0 {
			if words != "" {
				words += "|"
			}
			words += n.name
		}
	}
	return words
}
