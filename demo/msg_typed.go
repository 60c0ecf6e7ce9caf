package demo

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// msgTyped is a queue with messages of several types. Nobody receives them.
func msgTyped() Scenario {
	return Scenario{
		Name: "msg-typed", Title: "message queue with typed messages",
		LookFor: "5 messages of types 1, 2, 3, 5 and 8 that nobody receives",
		set: func(s *stage) error {
			_, err := s.start("queue", nil)
			return err
		},
		roles: map[string]func(*role) error{
			"queue": func(r *role) error {
				e, err := r.queue()
				if err != nil {
					return err
				}
				for _, mtype := range []int64{1, 2, 3, 5, 8} {
					if err := r.admin.MsgSend(e.ID, mtype, fmt.Appendf(nil, "a message of type %d", mtype),
						sysv.IPCNoWait); err != nil {
						return err
					}
				}
				r.reportSysV(e, "5 messages; this process sent them and is the last sender (lspid)")
				r.ready()
				return r.park()
			},
		},
	}
}
