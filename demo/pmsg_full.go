package demo

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/schema"
)

// pmsgFull is a POSIX queue that has reached its maxmsg. A sender waits for room, and another process wants to be
// notified.
func pmsgFull() Scenario {
	return Scenario{
		Name: "pmsg-full", Title: "full POSIX message queue with a blocked sender",
		LookFor: "msgs has reached maxmsg; demo-mq-sender sleeps in mq_send; demo-mq is to get SIGWINCH for the " +
			"first message after it was emptied",
		set: func(s *stage) error {
			owner, err := s.start("mq", nil)
			if err != nil {
				return err
			}
			sender, err := s.withName(owner, "mq-sender")
			if err != nil {
				return err
			}
			return s.blocked(sender, unix.SYS_MQ_TIMEDSEND)
		},
		roles: map[string]func(*role) error{
			"mq": func(r *role) error {
				e, fd, err := r.posix(schema.PMsg, func(name string) (int, error) {
					return r.admin.MqOpen(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NONBLOCK, 0o600,
						&posix.MqAttr{MaxMsg: 4, MsgSize: 64})
				})
				if err != nil {
					return err
				}
				for err == nil {
					err = r.admin.MqSend(fd, []byte("a job"), 1)
				}
				if !errors.Is(err, unix.EAGAIN) {
					return err
				}
				if err := r.admin.MqNotify(fd, int(unix.SIGWINCH)); err != nil {
					return err
				}
				r.reportPosix(e, "this process filled the queue, has it open and is registered for notification")
				r.ready()
				return r.park()
			},
			"mq-sender": func(r *role) error {
				name, err := r.reportOtherPosix(schema.PMsg, "this process sleeps in mq_send: the queue is full")
				if err != nil {
					return err
				}
				fd, err := r.admin.MqOpen(name, unix.O_WRONLY, 0, nil)
				if err != nil {
					return err
				}
				r.settled()
				for err == nil {
					err = r.admin.MqSend(fd, []byte("one more"), 1)
				}
				return err
			},
		},
	}
}
