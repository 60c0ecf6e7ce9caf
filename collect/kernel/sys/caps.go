package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MayAdminIPC is true if we hold CAP_SYS_ADMIN in our own user namespace. A process with it may remove System V
// objects of other owners and creators. ipcctl_obtain_check in ipc/util.c checks it in the user namespace that owns
// the IPC namespace.
func MayAdminIPC() (bool, error) { return Holds(unix.CAP_SYS_ADMIN) }

// MayAdminNet is true if we hold CAP_NET_ADMIN in our own user namespace. A process with it may end sockets
// (netlink_net_capable in net/core/sock_diag.c).
func MayAdminNet() (bool, error) { return Holds(unix.CAP_NET_ADMIN) }

// MayTraceAll is true if we hold CAP_SYS_PTRACE in our own user namespace. A process with it may read every process
// there, also processes that hidepid hides (fs/proc/base.c). The root of a container often lacks it.
func MayTraceAll() bool {
	has, err := Holds(unix.CAP_SYS_PTRACE)
	return err == nil && has
}

// MaySetNextID is true if we may wish the id of the next System V object (ipc_permissions in ipc/ipc_sysctl.c). Before
// Linux 5.19 only root's rights to the file count.
func MaySetNextID() bool {
	for _, c := range []int{unix.CAP_CHECKPOINT_RESTORE, unix.CAP_SYS_ADMIN} {
		if has, err := Holds(c); has && err == nil {
			return true
		}
	}
	return false
}

// initialUserNamespace is the inode of the machine's own user namespace (USER_NS_INIT_INO, include/uapi/linux/nsfs.h).
const initialUserNamespace = 0xEFFFFFFD

// MayExceedLimits is true if we hold CAP_SYS_RESOURCE in the machine's own user namespace. The kernel asks for the
// capability there before a queue gets more than kernel.msgmnb (msgctl_down in ipc/msg.c).
func MayExceedLimits() (bool, error) {
	has, err := Holds(unix.CAP_SYS_RESOURCE)
	if !has || err != nil {
		return false, err
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/user", &st); err != nil {
		return false, fmt.Errorf("own user namespace: %w", err)
	}
	return st.Ino == initialUserNamespace, nil
}

// Holds is true if a capability is in our effective set.
func Holds(capability int) (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, fmt.Errorf("capget: %w", err)
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0, nil
}

// CouldUseAnyIPC reports true if a set of capabilities lets a process use every System V object, or take the identity
// of a process that may (man 7 capabilities).
func CouldUseAnyIPC(capabilities uint64) bool {
	for _, c := range [...]uint{unix.CAP_IPC_OWNER, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SYS_ADMIN,
		unix.CAP_SYS_PTRACE, unix.CAP_DAC_OVERRIDE} {
		if capabilities&(1<<c) != 0 {
			return true
		}
	}
	return false
}
