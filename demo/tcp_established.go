package demo

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// tcpEstablished is a connection between two processes of this machine, with unread data.
func tcpEstablished() Scenario {
	const data = "unread\n"
	return Scenario{
		Name: "tcp-established", Title: "TCP connection, both ends here",
		LookFor: "two ESTAB sockets whose addresses mirror each other; 7 bytes lie unread at demo-server",
		set:     func(s *stage) error { return s.serverAndClient() },
		roles: map[string]func(*role) error{
			"server": func(r *role) error {
				return r.tcpServe(func(conn int) error {
					if err := awaitUnread(conn, len(data)); err != nil {
						return err
					}
					return r.inet(conn, "ESTAB, 7 bytes in the receive queue")
				})
			},
			"client": func(r *role) error {
				fd, err := tcpConnect(r.args[0])
				if err != nil {
					return err
				}
				if _, err := unix.Write(fd, []byte(data)); err != nil {
					return fmt.Errorf("write: %w", err)
				}
				if err := awaitTCPState(fd, tcpEstablishedState); err != nil {
					return err
				}
				if err := r.inet(fd, "ESTAB, the other end is demo-server"); err != nil {
					return err
				}
				r.ready()
				r.ready()
				return r.park()
			},
		},
	}
}
