package kinds

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PidfsInode is the inode number of a process's pidfd. start is its start time in clock ticks since boot. ok is false
// before Linux 6.9, if the process has ended, and for a process that no pid of this pid namespace names.
func PidfsInode(pid int, start uint64) (inode uint64, ok bool) {
	h, err := process.OpenHandle(pid)
	if err != nil {
		return 0, false
	}
	defer h.Close()
	text, err := h.Read("stat", nil)
	if err != nil {
		return 0, false
	}
	stat, err := process.ParseProcStat(text)
	if err != nil || stat.Start != start {
		return 0, false
	}
	return h.PidfsInode()
}

// pidfsValue is PID:INODE, util-linux's form (getino(1), kill(1)).
func pidfsValue(t *proc.Tick, p *proc.Process) schema.Value {
	if t.Host.Live() {
		if inode, ok := PidfsInode(p.PID, p.Start); ok {
			return schema.String(fmt.Sprintf("%d:%d", p.PID, inode))
		}
	}
	return schema.None(schema.TypeString)
}
