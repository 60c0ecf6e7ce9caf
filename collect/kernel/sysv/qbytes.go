package sysv

import (
	"unsafe"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// MsgQBytes reads a queue's qbytes by IPC_STAT, like ipcs. It needs read permission on the queue: else
// fs.ErrPermission. MsgStat reads qbytes of every queue.
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
