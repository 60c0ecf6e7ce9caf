package actions

import (
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// mostQBytes is the largest capacity in bytes that this process may give a queue. limited is false if there is no
// limit. Each IPC_SET with more than kernel.msgmnb needs CAP_SYS_RESOURCE in the initial user namespace, even if qbytes
// stays (msgctl_down in ipc/msg.c).
func mostQBytes(h *kernel.Host) (most uint64, limited bool) {
	info, err := h.MsgInfo()
	if err != nil {
		return 0, false // in doubt, let the kernel decide
	}
	may, err := sys.MayExceedLimits()
	return info.MNB, !may && err == nil
}

// mayHold refuses the change of a queue that has, or gets, more than kernel.msgmnb.
func (s *survey) mayHold(qbytes uint64) error {
	if most, limited := mostQBytes(s.host); limited && qbytes > most {
		return refuse("permission denied: qbytes %d is above kernel.msgmnb (%d), and every change of such a queue "+
			"needs CAP_SYS_RESOURCE", qbytes, most)
	}
	return nil
}

// fits lowers the saved capacity to what this process may set, and returns a text for the plan. It refuses a queue
// whose messages need more.
func (u *undoer) fits(o *savedObject) (says string, err error) {
	if o.Kind != schema.Msg {
		return "", nil
	}
	most, limited := mostQBytes(u.host)
	switch need := max(o.Bytes, uint64(o.Messages)); { // at most qbytes messages: msg_fits_inqueue in ipc/msg.c
	case !limited:
		return "", nil
	case need > most:
		return "", refuse("permission denied: its %s (%s) %s more than kernel.msgmnb (%s), and that needs "+
			"CAP_SYS_RESOURCE: undo it as root, or raise kernel.msgmnb before", schema.Counted(o.Messages, "message"),
			schema.Counted(o.Bytes, "byte"), schema.Plural(o.Messages, "needs", "need"), schema.Counted(most, "byte"))
	case o.QBytes > most:
		says = "; its qbytes were " + schema.Counted(o.QBytes, "byte") + " and become " +
			schema.Counted(most, "byte") + " (kernel.msgmnb): more needs CAP_SYS_RESOURCE"
		o.QBytes = most
	}
	return says, nil
}
