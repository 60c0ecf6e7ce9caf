package sysv

import (
	"unsafe"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// MsgQBytes asks for a queue's qbytes by IPC_STAT, which needs read permission on it: else errors.Is(err,
// fs.ErrPermission). That is how ipcs asks. MsgStat knows qbytes of every queue.
func MsgQBytes(root sys.Root, id int) (uint64, error) {
	if !root.Live() {
		return 0, sys.ErrNotLive
	}
	var ds msqidDS
	if _, err := msgctl(id, ipcStat, unsafe.Pointer(&ds)); err != nil {
		return 0, objectError("msgctl IPC_STAT:", msgWord, id, err)
	}
	return ds.qbytes, nil
}
