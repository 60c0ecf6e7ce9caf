package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MayAdminIPC says whether we hold CAP_SYS_ADMIN in our own user namespace, which lets a process remove System V
// objects that it neither owns nor made (ipcctl_obtain_check in ipc/util.c asks for it in the namespace that owns the
// IPC namespace).
func MayAdminIPC() (bool, error) { return Holds(unix.CAP_SYS_ADMIN) }

// MayTraceAll says whether we hold CAP_SYS_PTRACE in our own user namespace: the right to look into every process of
// it, and to see those that hidepid hides (fs/proc/base.c). A container's root often lacks it.
func MayTraceAll() bool {
	has, err := Holds(unix.CAP_SYS_PTRACE)
	return err == nil && has
}

// Holds says whether a capability is in our effective set.
func Holds(capability int) (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, fmt.Errorf("capget: %w", err)
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0, nil
}
