package demo

import (
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// unixPending is a listener that does not accept, with a client in its backlog.
func unixPending() Scenario {
	return Scenario{
		Name: "unix-pending", Title: "Unix socket listening, with a client that nobody accepts",
		LookFor: "the listener's receive queue counts 1 pending connection of its backlog of 4",
		set: func(s *stage) error {
			_, _, err := s.pair("pending", "no-accept", "pending")
			return err
		},
		roles: map[string]func(*role) error{
			"no-accept": func(r *role) error {
				if _, err := r.unixListen(unix.SOCK_STREAM, r.args[0], 4,
					"listening: 1 connection pending, backlog 4"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
			"pending": func(r *role) error {
				fd, err := unixConnect(unix.SOCK_STREAM, r.args[0])
				if err != nil {
					return err
				}
				if err := r.socket(schema.Unix, fd, "", "waits to be accepted: no peer yet"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
		},
	}
}
