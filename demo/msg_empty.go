package demo

import (
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// msgEmpty is a receiver that waits for a message type. Nobody sends this type.
func msgEmpty() Scenario {
	return Scenario{
		Name: "msg-empty", Title: "empty message queue with a blocked receiver",
		LookFor: "no messages; demo-receiver sleeps in msgrcv, waiting for type 7",
		set: func(s *stage) error {
			c, err := s.start("receiver", nil)
			if err != nil {
				return err
			}
			return s.blocked(c, unix.SYS_MSGRCV)
		},
		roles: map[string]func(*role) error{
			"receiver": func(r *role) error {
				e, err := r.queue()
				if err != nil {
					return err
				}
				r.reportSysV(e, "this process sleeps in msgrcv for a message of type 7")
				r.settled()
				for err == nil {
					_, _, err = r.admin.MsgReceive(e.ID, 7, 8192, sysv.MsgNoError)
				}
				return nil // the queue was removed
			},
		},
	}
}
