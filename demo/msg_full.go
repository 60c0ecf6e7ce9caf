package demo

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// msgFull is a queue that has reached its qbytes, and a sender that waits for room.
func msgFull() Scenario {
	return Scenario{
		Name: "msg-full", Title: "full message queue with a blocked sender",
		LookFor: "used bytes have reached qbytes; demo-sender sleeps in msgsnd until somebody receives",
		set: func(s *stage) error {
			filler, err := s.start("filler", nil)
			if err != nil {
				return err
			}
			senders, err := s.withID(filler, "sender")
			if err != nil {
				return err
			}
			return s.blocked(senders[0], unix.SYS_MSGSND)
		},
		roles: map[string]func(*role) error{
			"filler": func(r *role) error {
				e, err := r.queue()
				if err != nil {
					return err
				}
				for chunk := make([]byte, 512); ; {
					err := r.admin.MsgSend(e.ID, 1, chunk, sysv.IPCNoWait)
					if errors.Is(err, unix.EAGAIN) {
						break
					}
					if err != nil {
						return err
					}
				}
				r.reportSysV(e, "this process filled the queue and is its last sender (lspid)")
				r.ready()
				return r.park()
			},
			"sender": func(r *role) error {
				id, err := r.reportOtherSysV(schema.Msg, "this process sleeps in msgsnd: the queue is full")
				if err != nil {
					return err
				}
				r.settled()
				for err == nil {
					err = r.admin.MsgSend(id, 2, make([]byte, 512), 0)
				}
				return nil // the queue was removed
			},
		},
	}
}
