package demo

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// tcpCloseWait is a connection that only the client has closed. Servers that leak sockets look like this. The client
// keeps its descriptor, because an orphaned FIN-WAIT-2 ends after tcp_fin_timeout (man 7 tcp).
func tcpCloseWait() Scenario {
	return Scenario{
		Name: "tcp-close-wait", Title: "TCP connection that the server forgets to close",
		LookFor: "demo-server's socket stays in CLOSE-WAIT, demo-client's in FIN-WAIT-2",
		set:     func(s *stage) error { return s.serverAndClient() },
		roles: map[string]func(*role) error{
			"server": func(r *role) error {
				return r.tcpServe(func(conn int) error {
					if err := awaitTCPState(conn, tcpCloseWaitState); err != nil {
						return err
					}
					return r.inet(conn, "CLOSE-WAIT: the peer has finished, this process has not closed")
				})
			},
			"client": func(r *role) error {
				fd, err := tcpConnect(r.args[0])
				if err != nil {
					return err
				}
				if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
					return fmt.Errorf("shutdown: %w", err)
				}
				r.ready()
				if err := awaitTCPState(fd, tcpFinWait2State); err != nil {
					return err
				}
				if err := r.inet(fd, "FIN-WAIT-2: it waits for the server's FIN"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
		},
	}
}
