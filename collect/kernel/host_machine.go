package kernel

import "github.com/ipctop/ipctop/collect/kernel/machine"

// SysctlNumbers reads the numbers of a sysctl in their order. An example of a name: "kernel.sem".
func (h *Host) SysctlNumbers(name string) ([]uint64, error) {
	return machine.SysctlNumbers(h.Root, name)
}

// Memory reads /proc/meminfo.
func (h *Host) Memory() (machine.Memory, error) { return machine.ReadMemory(h.Root) }

// Tasks is the number of threads on the machine, in all pid namespaces.
func (h *Host) Tasks() (uint64, error) { return machine.Tasks(h.Root) }

// LogindRemoveIPC reads RemoveIPC: logind's setting for the IPC objects of users who have logged out.
func (h *Host) LogindRemoveIPC() (machine.RemoveIPC, error) { return machine.ReadRemoveIPC(h.Root) }

// LogindUser looks for a user in logind's state.
func (h *Host) LogindUser(uid uint32, name string) machine.UserSession {
	return machine.LogindUser(h.Root, uid, name)
}

// LogindRuns is true if logind keeps its state on this machine.
func (h *Host) LogindRuns() bool { return machine.LogindRuns(h.Root) }

// SystemUIDMax is the highest uid of a system user. logind does not touch the objects of system users.
func (h *Host) SystemUIDMax() (uint32, error) { return machine.SystemUIDMax(h.Root) }

// PidsGroup reads the limit on the processes and threads of a control group, by its directory.
func (h *Host) PidsGroup(dir string) (g machine.PidsGroup, limited bool, err error) {
	return machine.ReadPidsGroup(h.Root, dir)
}
