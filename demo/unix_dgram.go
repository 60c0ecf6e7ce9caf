package demo

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// unixDgram is a datagram socket. Its receiver does not read the datagrams.
func unixDgram() Scenario {
	return Scenario{
		Name: "unix-dgram", Title: "Unix datagram socket with unread datagrams",
		LookFor: "demo-receiver is bound to a path; 3 datagrams from demo-sender lie unread",
		set: func(s *stage) error {
			_, _, err := s.pair("dgram", "receiver", "sender")
			return err
		},
		roles: map[string]func(*role) error{
			"receiver": func(r *role) error {
				fd, err := r.unixBound(unix.SOCK_DGRAM, r.args[0])
				if err != nil {
					return err
				}
				if err := r.socket(schema.Unix, fd, r.args[0], "bound to a path; 3 datagrams lie unread"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
			"sender": func(r *role) error {
				fd, err := unixConnect(unix.SOCK_DGRAM, r.args[0])
				if err != nil {
					return err
				}
				for i := range 3 {
					if _, err := unix.Write(fd, fmt.Appendf(nil, "datagram %d\n", i)); err != nil {
						return fmt.Errorf("send: %w", err)
					}
				}
				if err := r.socket(schema.Unix, fd, "", "connected to demo-receiver's socket"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
		},
	}
}
