package kinds

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// This file has the shared part of queues, semaphore sets and segments.

// IPCOwners are the four ids of an object with their names.
type IPCOwners struct {
	sysv.IPCPerm
	User, group, cuser, cgroup string
	Place                      proc.Place
}

func owners(t *proc.Tick, p sysv.IPCPerm, at proc.Place) IPCOwners {
	return IPCOwners{
		IPCPerm: p, Place: at,
		User: t.Users.User(p.UID), group: t.Users.Group(p.GID),
		cuser: t.Users.User(p.CUID), cgroup: t.Users.Group(p.CGID),
	}
}

// PermOf returns the owners and the key of a System V object.
func PermOf(o *schema.Object) sysv.IPCPerm {
	switch r := o.Row.(type) {
	case *MsgRow:
		return r.IPCPerm
	case *SemRow:
		return r.IPCPerm
	case *ShmRow:
		return r.IPCPerm
	}
	return sysv.IPCPerm{}
}

// SysvRef is the identity of an object. The id holds a sequence number that wraps around. ctime tells two objects
// with the same id apart.
func SysvRef(kind schema.Kind, at proc.Place, p sysv.IPCPerm, ctime int64) schema.Ref {
	return schema.Ref{Kind: kind, Space: at.Space, ID: uint64(p.ID), Gen: uint64(ctime)}
}

// NewObjects makes n objects with their rows in three allocations. A leak can make 32,000 objects.
func NewObjects[T any](n int) ([]T, []*schema.Object) {
	rows, objects, list := make([]T, n), make([]schema.Object, n), make([]*schema.Object, n)
	for i := range list {
		objects[i].Row, list[i] = &rows[i], &objects[i]
	}
	return rows, list
}

// ownerColumns are lsipc's generic columns.
func ownerColumns[T any](of func(*T) *IPCOwners) []schema.Column {
	text := func(id, help string, get func(*IPCOwners) string) schema.Column {
		return schema.Col(id, schema.TypeString, 9, 0, help,
			func(r *T) schema.Value { return schema.String(get(of(r))) })
	}
	number := func(id, help string, get func(*IPCOwners) uint32) schema.Column {
		return schema.Col(id, schema.TypeInt, 6, 0, help,
			func(r *T) schema.Value { return schema.Int(int64(get(of(r)))) })
	}
	return []schema.Column{
		schema.Col("key", schema.TypeKey, 10, 0, "key that programs find it by; 0 is IPC_PRIVATE or, "+
			"for a segment, removed",
			func(r *T) schema.Value { return schema.Key(of(r).Key) }),
		schema.Col("id", schema.TypeInt, 8, 0, "id that the kernel gave it",
			func(r *T) schema.Value { return schema.Int(int64(of(r).ID)) }),
		text("owner", "name of the owner; a number where the uid has no name",
			func(o *IPCOwners) string { return o.User }),
		schema.Col("perms", schema.TypePerms, 5, 0, "permission bits",
			func(r *T) schema.Value { return schema.Perms(of(r).Perms()) }),
		number("uid", "user id of the owner", func(o *IPCOwners) uint32 { return o.UID }),
		text("user", "name of the owner, as lsipc's USER", func(o *IPCOwners) string { return o.User }),
		number("gid", "group id of the owner", func(o *IPCOwners) uint32 { return o.GID }),
		text("group", "name of the owner's group", func(o *IPCOwners) string { return o.group }),
		number("cuid", "user id of the creator", func(o *IPCOwners) uint32 { return o.CUID }),
		text("cuser", "name of the creating user", func(o *IPCOwners) string { return o.cuser }),
		number("cgid", "group id of the creator", func(o *IPCOwners) uint32 { return o.CGID }),
		text("cgroup", "name of the creator's group", func(o *IPCOwners) string { return o.cgroup }),
		schema.Col("own_uid", schema.TypeInt, 6, proc.NeedProcs|proc.NeedIPCNS,
			"with -A: user id of the owner as processes in that namespace have it, where it differs from uid",
			func(r *T) schema.Value { return of(r).Place.OwnUID(of(r).UID) }),
		schema.Col("ns", schema.TypeInt, 10, 0, "inode of the IPC namespace that it is in",
			func(r *T) schema.Value { return of(r).Place.Inode() }),
		schema.Col("ns_leader", schema.TypeString, 18, LeaderNeeds, proc.NsLeaderHelp,
			func(r *T) schema.Value { return of(r).Place.Leader }),
	}
}

// timeColumn shows a time in Unix seconds. 0 means never.
func timeColumn[T any](id, help string, get func(*T) int64) schema.Column {
	return schema.Col(id, schema.TypeTime, 12, 0, help, func(r *T) schema.Value { return schema.UnixTime(get(r)) })
}

// pidColumn shows a pid that the kernel recorded.
func pidColumn[T any](id, help string, get func(*T) int32) schema.Column {
	return schema.Col(id, schema.TypeInt, 7, 0, help, func(r *T) schema.Value { return proc.PID(int(get(r))) })
}

// countColumn shows a number.
func countColumn[T any](id string, width int, help string, get func(*T) uint64) schema.Column {
	return schema.Col(id, schema.TypeInt, width, 0, help, func(r *T) schema.Value { return schema.Int(int64(get(r))) })
}

// keyLabel names an object by its key.
func keyLabel(p sysv.IPCPerm) string {
	if p.Key == 0 {
		return "private"
	}
	return fmt.Sprintf("0x%08x", p.Key)
}

// userEdge relates a process to an object that it made or used at a moment (Unix seconds). There is no edge if the
// pid belongs to another process since.
func userEdge(t *proc.Tick, pid int32, moment int64, to schema.Ref, rel schema.Rel, call string,
	add func(schema.Edge)) {
	if pid == 0 || moment == 0 || t.CreatorState(int(pid), moment) != proc.CreatorAlive {
		return
	}
	add(schema.Edge{From: t.Process(int(pid)).Ref(), To: to, Rel: rel, Via: schema.InWords(call),
		Proof: schema.Observed})
}
