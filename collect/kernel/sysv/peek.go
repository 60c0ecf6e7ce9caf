package sysv

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// PeekedMessage is a copy of a message. The message stays in its queue.
type PeekedMessage struct {
	Index int // position in the queue, 0 is the oldest
	Type  int64
	Size  int    // bytes of the whole text
	Data  []byte // the first bytes of the text
	// TooLong means that the message is longer than msgmax: somebody lowered msgmax after the message was sent. The
	// kernel then copies nothing (prepare_copy in ipc/msg.c), so Type and Size are not known.
	TooLong bool
}

// ErrNoPeek means that the kernel cannot copy messages: its only way is to take them out.
var ErrNoPeek = errors.New("the kernel was built without CONFIG_CHECKPOINT_RESTORE, so that it cannot copy messages")

// msgCopy is MSG_COPY (include/uapi/linux/msg.h, Linux 3.8).
const msgCopy = 0o40000

// PeekMessages copies up to count messages of a queue, from the index first, up to most bytes of each. It takes no
// message out; the queue's counts, times and pids stay (do_msg_fill, ipc/msg.c). It needs read permission: else
// fs.ErrPermission. Each copy locks the queue and walks to the message's index: 1.5 microseconds and 16 ns an index.
// ErrNoPeek: the kernel cannot copy messages.
func PeekMessages(root sys.Root, id, first, count, most int) ([]PeekedMessage, error) {
	if !root.Live() {
		return nil, fmt.Errorf("read the messages of queue %d: %w", id, sys.ErrNotLive)
	}
	info, err := ReadMsgInfo(root)
	if err != nil {
		return nil, err
	}
	if _, err := MsgStat(root, id); err != nil {
		return nil, err
	}
	buf := make([]byte, 8+info.Max) // with a smaller buffer than the message the error is EINVAL, even with MSG_NOERROR
	var messages []PeekedMessage
	for i := first; i < first+count; i++ {
		n, errno := peekOne(id, i, buf)
		switch errno {
		case 0:
		case unix.ENOMSG: // past the end
			return messages, nil
		case unix.ENOSYS:
			return messages, ErrNoPeek
		case unix.EINVAL: // EINVAL is about this message, unless the queue is gone
			if _, err := MsgStat(root, id); err != nil {
				return messages, err
			}
			messages = append(messages, PeekedMessage{Index: i, TooLong: true})
			continue
		default:
			return messages, objectError("read a message of", msgWord, id, errno)
		}
		data := append([]byte(nil), buf[8:8+min(n, most)]...)
		messages = append(messages,
			PeekedMessage{Index: i, Type: *(*int64)(unsafe.Pointer(&buf[0])), Size: n, Data: data})
	}
	return messages, nil
}

// peekOne never sleeps: MSG_COPY needs IPC_NOWAIT, else the error is EINVAL.
func peekOne(id, index int, buf []byte) (int, unix.Errno) {
	const flags = msgCopy | unix.IPC_NOWAIT | MsgNoError
	n, _, errno := unix.Syscall6(unix.SYS_MSGRCV, uintptr(id), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)-8),
		uintptr(index), flags, 0)
	return int(n), errno
}
