package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MayAdminIPC says whether we hold CAP_SYS_ADMIN in our own user namespace, which lets a process remove System V objects that
// it neither owns nor made (ipcctl_obtain_check in ipc/util.c asks for it in the namespace that owns the IPC namespace).
func MayAdminIPC() (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, fmt.Errorf("capget: %w", err)
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0, nil
}
