package demo

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// udpPair is a bound UDP socket with an unread datagram, and the connected socket that sent it.
func udpPair() Scenario {
	return Scenario{
		Name: "udp", Title: "UDP sockets, one with an unread datagram",
		LookFor: "demo-server's socket is UNCONN with data in its receive queue, demo-client's is connected to it",
		set:     func(s *stage) error { return s.serverAndClient() },
		roles: map[string]func(*role) error{
			"server": func(r *role) error {
				fd, _, err := inetBound(unix.SOCK_DGRAM)
				if err != nil {
					return err
				}
				if err := r.inet(fd, "UNCONN, a datagram in the receive queue"); err != nil {
					return err
				}
				r.ready()
				if err := awaitUnread(fd, 1); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
			"client": func(r *role) error {
				fd, err := inetConnect(unix.SOCK_DGRAM, r.args[0])
				if err != nil {
					return err
				}
				if _, err := unix.Write(fd, []byte("unread\n")); err != nil {
					return fmt.Errorf("send: %w", err)
				}
				if err := r.inet(fd, "connected to demo-server"); err != nil {
					return err
				}
				r.ready()
				r.ready()
				return r.park()
			},
		},
	}
}
