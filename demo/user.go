package demo

import (
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Systemd leaves these user ids unused, and so do the usual tools that add users ("Users, Groups, UIDs and GIDs on
// systemd systems").
const firstFreeUID, lastFreeUID = 60578, 61183

// leaveUsers gives this process a user id without another process. What it makes and leaves is then known to nobody. It
// changes nothing where the kernel refuses that, or where the demo could not remove what this user made: an object of
// another user is removed with CAP_SYS_ADMIN (ipcctl_obtain_check in ipc/util.c). A user namespace with one id refuses
// all others with EINVAL (man 2 setresuid).
func leaveUsers(h *kernel.Host) error {
	if admin, err := sys.MayAdminIPC(); err != nil || !admin {
		return err
	}
	pids, err := h.PIDs()
	if err != nil {
		return err
	}
	var taken []int
	for _, pid := range pids {
		line, err := statusLine(pid, "Uid")
		if err != nil {
			continue // it has ended
		}
		for id := range strings.FieldsSeq(line) {
			if n, err := strconv.Atoi(id); err == nil {
				taken = append(taken, n)
			}
		}
	}
	for uid := firstFreeUID; uid <= lastFreeUID; uid++ {
		if !slices.Contains(taken, uid) {
			_ = syscall.Setresuid(uid, uid, uid) // refused: it stays this user
			return nil
		}
	}
	return nil
}
