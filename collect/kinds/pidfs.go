package kinds

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// pidfsValue is PID:INODE, util-linux's form (getino(1), kill(1)).
func pidfsValue(t *proc.Tick, p *proc.Process) schema.Value {
	if t.Host.Live() {
		if inode, ok := process.PidfsInode(p.PID, p.Start); ok {
			return schema.String(fmt.Sprintf("%d:%d", p.PID, inode))
		}
	}
	return schema.None(schema.TypeString)
}
