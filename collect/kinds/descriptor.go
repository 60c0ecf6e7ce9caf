package kinds

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// descriptor is the shared part of all objects that exist only as open file descriptors: eventfds, epoll instances,
// timers and the like.
//
// An eventfd has a number of its own. The other objects have none: they all share one inode. So the object is the
// open file description. Its Ref names the first descriptor on it, by pid and number, with the start of that process:
// "epoll:4242/7". Several descriptors (inherited, sent over a socket, duplicated) are one object if kcmp(2) proves
// that they share a description. If kcmp is refused, each descriptor is an object. If the first holder closes its
// descriptor, the object gets another Ref.
type descriptor struct {
	ref     schema.Ref
	Uses    []proc.FDUse
	waits   []proc.Waiter
	waiters schema.Value
	holders schema.Value
	info    proc.FDInfo
}

// described is a row with a descriptor as its base.
type described interface{ base() *descriptor }

func (d *descriptor) base() *descriptor { return d }

// descriptorNeeds are the needs of every kind of descriptors. NeedFDInfo reads the fdinfo of the kind's own
// descriptors only.
const descriptorNeeds = proc.NeedProcs | proc.NeedFDs | proc.NeedFDInfo

// descriptorColumns are the columns of a kind: own, then those that every such kind has.
func descriptorColumns(waits string, own ...schema.Column) []schema.Column {
	ends := func(id string, needs schema.Need, help string, get func(*descriptor) schema.Value) schema.Column {
		return schema.Column{ID: id, Type: schema.TypeEndpoints, Width: 24, Needs: needs, Help: help,
			Get: func(o *schema.Object) schema.Value { return get(o.Row.(described).base()) }}
	}
	columns := append(own, ends("holders", descriptorNeeds, "descriptors on it",
		func(d *descriptor) schema.Value { return d.holders }))
	if waits == "" {
		return columns
	}
	return append(columns, ends("waiters", descriptorNeeds|proc.NeedSyscall, waits,
		func(d *descriptor) schema.Value { return d.waiters }))
}

// descriptors lists the objects of a kind that exist only as open descriptors.
func descriptors(t *proc.Tick, kind schema.Kind) []descriptor {
	var all []descriptor
	for _, instance := range t.Instances(kind) {
		if d, ok := newDescriptor(t, instance.Ref, instance.Uses); ok {
			all = append(all, d)
		}
	}
	return all
}

// collectDescriptors makes a row of each object of a kind.
func collectDescriptors[T any](t *proc.Tick, kind schema.Kind, row func(descriptor) *T) []*schema.Object {
	var objects []*schema.Object
	for _, d := range descriptors(t, kind) {
		objects = append(objects, &schema.Object{Ref: d.ref, Row: row(d)})
	}
	return objects
}

// newDescriptor fills the shared part. ok is false if all descriptors were closed since the walk.
func newDescriptor(t *proc.Tick, ref schema.Ref, uses []proc.FDUse) (d descriptor, ok bool) {
	d = descriptor{ref: ref, Uses: uses, holders: t.Holders(uses, nil), waits: fdWaits(t, uses)}
	d.waiters = t.WaitersValue(ref, d.waits, allWaitsSeen(t, uses))
	for _, u := range uses {
		d.info = u.Process.Info[u.FD.ID()]
		if !sys.Gone(d.info.Err) {
			return d, true
		}
	}
	return d, false
}

// infoCell makes a cell of a value from fdinfo. t is its type, and err the error of the parser.
func (d *descriptor) infoCell(t schema.Type, err error, known func() schema.Value) schema.Value {
	switch {
	case sys.Denied(d.info.Err):
		return schema.Refused(t)
	case d.info.Err != nil || err != nil:
		return schema.None(t)
	}
	return known()
}

// intField is a cell of a decimal field of fdinfo; a field that is not told is blank.
func intField(info []byte, field string) schema.Value {
	n, ok := fdinfo.Int(info, field)
	if !ok {
		return schema.None(schema.TypeInt)
	}
	return schema.Int(n)
}

// bytesField is intField for a field in bytes.
func bytesField(info []byte, field string) schema.Value {
	n, ok := fdinfo.Uint(info, field, 10)
	if !ok {
		return schema.None(schema.TypeBytes)
	}
	return schema.Bytes(n)
}

// edges relates the holders and the waiters to the object.
func (d *descriptor) edges(add func(schema.Edge)) {
	proc.HoldEdges(d.ref, d.Uses, proc.JustHolds, add)
	proc.WaitEdges(d.ref, d.waits, add)
}

func relateDescriptors(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		o.Row.(described).base().edges(add)
	}
}

// descriptorLabel names the holders: "nginx", "nginx and 3 more".
func descriptorLabel(o *schema.Object) string {
	uses := o.Row.(described).base().Uses
	if len(uses) == 1 {
		return uses[0].Process.Comm
	}
	return fmt.Sprintf("%s and %d more", uses[0].Process.Comm, len(uses)-1)
}

// fdWaits lists the threads that sleep in a call on one of the descriptors.
func fdWaits(t *proc.Tick, uses []proc.FDUse) []proc.Waiter {
	var all []proc.Waiter
	for _, u := range uses {
		for _, w := range u.Process.Waits {
			if u.Awaited(&w) {
				all = append(all, proc.Waiter{Process: u.Process, Wait: w})
			}
		}
	}
	return all
}
