package undo

import "github.com/ipctop/ipctop/collect/kernel/bpf"

// layout has offsets and sizes in the running kernel's structures, in bytes. They lead from a task to its SEM_UNDO
// adjustments.
type layout struct {
	// task_struct
	taskUndoList, taskNSProxy, taskStart, taskComm int32
	numbers                                        bpf.Numbers
	// nsproxy.ipc_ns; ipc_namespace: ns.inum, the root of the tree of semaphore sets
	nsproxyIPC, ipcInode, ipcSemRoot int32
	// sem_undo_list.list_proc; sem_undo: list_proc, ulp, semid, semadj
	listProc, undoProc, undoList, undoSemID, undoSemAdj int32
	semadjPointer                                       bool // sem_undo.semadj is a pointer, not an array
	// sem_array: sem_perm.id and sem_nsems, counted from sem_perm; the tree holds pointers to sem_perm
	permID, setNSems int32
	// xa_node: shift, slots, and the number of slots less one
	nodeShift, nodeSlots, nodeMask int32
}

// readLayout finds the layout in the kernel's types.
func readLayout(r *bpf.Layout) layout {
	perm := r.Offset("sem_array", "sem_perm")
	l := layout{
		taskUndoList: r.Offset("task_struct", "sysvsem", "undo_list"),
		numbers:      r.Numbers(),
		taskNSProxy:  r.Offset("task_struct", "nsproxy"),
		taskStart:    r.Offset("task_struct", "start_boottime"),
		taskComm:     r.Offset("task_struct", "comm"),
		nsproxyIPC:   r.Offset("nsproxy", "ipc_ns"),
		ipcInode:     r.Offset("ipc_namespace", "ns", "inum"),
		// ids[IPC_SEM_IDS], which is 0 (ipc/util.h)
		ipcSemRoot: r.Offset("ipc_namespace", "ids") + r.Offset("ipc_ids", "ipcs_idr", "idr_rt", "xa_head"),
		listProc:   r.Offset("sem_undo_list", "list_proc"),
		undoProc:   r.Offset("sem_undo", "list_proc"),
		undoList:   r.Offset("sem_undo", "ulp"),
		undoSemID:  r.Offset("sem_undo", "semid"),
		undoSemAdj: r.Offset("sem_undo", "semadj"),
		permID:     r.Offset("sem_array", "sem_perm", "id") - perm,
		setNSems:   r.Offset("sem_array", "sem_nsems") - perm,
		nodeShift:  r.Offset("xa_node", "shift"),
		nodeSlots:  r.Offset("xa_node", "slots"),
	}
	l.semadjPointer = r.IsPointer("sem_undo", "semadj")
	if slots := r.Elements("xa_node", "slots"); slots > 0 {
		l.nodeMask = slots - 1
	}
	return l
}
