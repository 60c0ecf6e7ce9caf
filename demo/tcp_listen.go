package demo

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// tcpListen is a server without clients.
func tcpListen() Scenario {
	return Scenario{
		Name: "tcp-listen", Title: "TCP socket listening",
		LookFor: "state LISTEN on a loopback port; the send queue column shows its backlog limit of 16",
		set: func(s *stage) error {
			_, err := s.start("listener", nil)
			return err
		},
		roles: map[string]func(*role) error{
			"listener": func(r *role) error {
				fd, _, err := inetBound(unix.SOCK_STREAM)
				if err != nil {
					return err
				}
				if err := unix.Listen(fd, 16); err != nil {
					return fmt.Errorf("listen: %w", err)
				}
				if err := r.inet(fd, "LISTEN, backlog limit 16"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
		},
	}
}
