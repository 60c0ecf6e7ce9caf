package collect

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// descriptor is what all objects have in common that exist only as open file descriptors: eventfds, epoll instances, timers and the like.
//
// An eventfd has a number of its own. The others have none: all of them share one inode. There the open file description is
// the object, and its Ref names the first descriptor on it, by pid and number, with the start of that process: "epoll:4242/7".
// Descriptors that kcmp(2) proves to be one description (inherited, sent over a socket, duplicated) are one object; where kcmp is refused,
// each is one. When the first holder lets go, the object that the others still hold gets another Ref.
type descriptor struct {
	ref     schema.Ref
	uses    []FDUse
	waits   []waiter
	waiters schema.Value
	holders schema.Value
	info    fdInfo
}

// described is a row that is a descriptor with more.
type described interface{ base() *descriptor }

func (d *descriptor) base() *descriptor { return d }

// descriptorNeeds is what every such kind takes; the fdinfo of its descriptors is read as well.
const descriptorNeeds = schema.NeedProcs | schema.NeedFDs | schema.NeedFDInfo

// descriptorColumns are the columns that every such kind has, its own before them.
func descriptorColumns(waits string, own ...schema.Column) []schema.Column {
	ends := func(id string, needs schema.Need, help string, get func(*descriptor) schema.Value) schema.Column {
		return schema.Column{ID: id, Type: schema.TypeEndpoints, Width: 24, Needs: needs, Help: help,
			Get: func(o *schema.Object) schema.Value { return get(o.Row.(described).base()) }}
	}
	columns := append(own, ends("holders", descriptorNeeds, "descriptors on it", func(d *descriptor) schema.Value { return d.holders }))
	if waits == "" {
		return columns
	}
	return append(columns, ends("waiters", descriptorNeeds|schema.NeedSyscall, waits, func(d *descriptor) schema.Value { return d.waiters }))
}

// descriptors gives the objects of a kind that exist only as open descriptors.
func (f *Facts) descriptors(kind schema.Kind) []descriptor {
	var all []descriptor
	for _, instance := range f.Instances(kind) {
		if d, ok := f.newDescriptor(instance.Ref, instance.Uses); ok {
			all = append(all, d)
		}
	}
	return all
}

// collectDescriptors makes a row of each object of a kind without numbers.
func collectDescriptors[T any](f *Facts, kind schema.Kind, row func(descriptor) *T) []*schema.Object {
	var objects []*schema.Object
	for _, d := range f.descriptors(kind) {
		objects = append(objects, &schema.Object{Ref: d.ref, Row: row(d)})
	}
	return objects
}

// newDescriptor fills what is common. ok is false if all descriptors were closed since they were listed.
func (f *Facts) newDescriptor(ref schema.Ref, uses []FDUse) (d descriptor, ok bool) {
	d = descriptor{ref: ref, uses: uses, holders: f.Holders(uses, nil), waits: f.fdWaits(uses)}
	d.waiters = f.waitersValue(ref, d.waits, f.allWaitsSeen(uses))
	for _, u := range uses {
		d.info = u.Process.info[u.FD.Num]
		if !kernel.Gone(d.info.err) {
			return d, true
		}
	}
	return d, false
}

// infoCell turns what was read of fdinfo into a cell.
func (d *descriptor) infoCell(t schema.Type, err error, known func() schema.Value) schema.Value {
	switch {
	case kernel.Denied(d.info.err):
		return schema.Refused(t)
	case d.info.err != nil || err != nil:
		return schema.None(t)
	}
	return known()
}

// edges tells who holds it and who sleeps on it.
func (d *descriptor) edges(f *Facts) []schema.Edge {
	edges := f.HoldEdges(d.ref, d.uses, func(*FD) schema.Rel { return schema.RelHolds })
	return append(edges, waitEdges(d.ref, d.waits)...)
}

// UsesOf are the descriptors on an object that exists only as open descriptors; nil for every other.
func UsesOf(o *schema.Object) []FDUse {
	if d, ok := o.Row.(described); ok {
		return d.base().uses
	}
	return nil
}

func relateDescriptors(f *Facts, objects []*schema.Object) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		edges = append(edges, o.Row.(described).base().edges(f)...)
	}
	return edges
}

// descriptorLabel names the holders: "nginx", "nginx and 3 more".
func descriptorLabel(o *schema.Object) string {
	uses := o.Row.(described).base().uses
	if len(uses) == 1 {
		return uses[0].Process.Comm
	}
	return fmt.Sprintf("%s and %d more", uses[0].Process.Comm, len(uses)-1)
}

// fdWaits lists the threads that sleep in a call on one of the descriptors.
func (f *Facts) fdWaits(uses []FDUse) []waiter {
	var all []waiter
	for _, u := range uses {
		for _, w := range u.Process.waits {
			if w.kind == "" && w.fd == u.FD.Num {
				all = append(all, waiter{u.Process, w})
			}
		}
	}
	return all
}
