package undo

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// undoLayout is where the running kernel keeps what leads from a task to its SEM_UNDO adjustments: offsets and sizes in bytes, from
// the kernel's own description of its types, /sys/kernel/btf/vmlinux.
type undoLayout struct {
	// task_struct
	taskUndoList, taskLeader, taskPID, taskNSProxy, taskStart, taskComm int32
	// struct pid: level, the number of the first level, the distance of the next
	pidLevel, pidNumber, upidSize int32
	// nsproxy.ipc_ns; ipc_namespace: ns.inum, the root of the tree of semaphore sets
	nsproxyIPC, ipcInode, ipcSemRoot int32
	// sem_undo_list.list_proc; sem_undo: list_proc, ulp, semid, semadj
	listProc, undoProc, undoList, undoSemID, undoSemAdj int32
	semadjPointer                                       bool // sem_undo.semadj is a pointer, not an array
	// sem_array: sem_perm.id and sem_nsems, from sem_perm on, which is what the tree holds
	permID, setNSems int32
	// xa_node: shift, slots, and how many of these there are, less one
	nodeShift, nodeSlots, nodeMask int32
}

// readUndoLayout finds them in the kernel's types.
func readUndoLayout(types *btf.Spec) (undoLayout, error) {
	r := layoutReader{spec: types}
	perm := r.offset("sem_array", "sem_perm")
	l := undoLayout{
		taskUndoList: r.offset("task_struct", "sysvsem", "undo_list"),
		taskLeader:   r.offset("task_struct", "group_leader"),
		taskPID:      r.offset("task_struct", "thread_pid"),
		taskNSProxy:  r.offset("task_struct", "nsproxy"),
		taskStart:    r.offset("task_struct", "start_boottime"),
		taskComm:     r.offset("task_struct", "comm"),
		pidLevel:     r.offset("pid", "level"),
		pidNumber:    r.offset("pid", "numbers") + r.offset("upid", "nr"),
		upidSize:     r.size("upid"),
		nsproxyIPC:   r.offset("nsproxy", "ipc_ns"),
		ipcInode:     r.offset("ipc_namespace", "ns", "inum"),
		ipcSemRoot:   r.offset("ipc_namespace", "ids") + r.offset("ipc_ids", "ipcs_idr", "idr_rt", "xa_head"), // ids[IPC_SEM_IDS], which is 0 (ipc/util.h)
		listProc:     r.offset("sem_undo_list", "list_proc"),
		undoProc:     r.offset("sem_undo", "list_proc"),
		undoList:     r.offset("sem_undo", "ulp"),
		undoSemID:    r.offset("sem_undo", "semid"),
		undoSemAdj:   r.offset("sem_undo", "semadj"),
		permID:       r.offset("sem_array", "sem_perm", "id") - perm,
		setNSems:     r.offset("sem_array", "sem_nsems") - perm,
		nodeShift:    r.offset("xa_node", "shift"),
		nodeSlots:    r.offset("xa_node", "slots"),
	}
	_, l.semadjPointer = r.member("sem_undo", "semadj").Type.(*btf.Pointer)
	if slots, ok := btf.UnderlyingType(r.member("xa_node", "slots").Type).(*btf.Array); ok {
		l.nodeMask = int32(slots.Nelems) - 1
	}
	return l, r.err
}

// layoutReader finds members of structures and keeps the first error.
type layoutReader struct {
	spec *btf.Spec
	err  error
}

func (r *layoutReader) structure(name string) *btf.Struct {
	var s *btf.Struct
	if err := r.spec.TypeByName(name, &s); err != nil {
		r.fail(fmt.Errorf("struct %s: %w", name, err))
		return &btf.Struct{}
	}
	return s
}

func (r *layoutReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *layoutReader) size(name string) int32 { return int32(r.structure(name).Size) }

// offset is that of a member of a member … of a structure.
func (r *layoutReader) offset(structure string, path ...string) int32 {
	return int32(r.member(structure, path...).Offset.Bytes())
}

// member finds it with its offset from the structure's beginning.
func (r *layoutReader) member(structure string, path ...string) btf.Member {
	at := btf.Member{Type: r.structure(structure)}
	for _, name := range path {
		m, ok := memberOf(at.Type, name)
		if !ok {
			r.fail(fmt.Errorf("struct %s has no member %q", structure, path))
			return btf.Member{}
		}
		m.Offset += at.Offset
		at = m
	}
	return at
}

// memberOf looks into the structures and unions without a name as well, as C does.
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
