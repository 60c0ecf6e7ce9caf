package demo

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// unixAddr is the address for a path, or for an abstract name with the spelling "@name" (man 7 unix).
func unixAddr(name string) *unix.SockaddrUnix { return &unix.SockaddrUnix{Name: name} }

// unixSocket opens a UNIX socket of this type.
func unixSocket(kind int) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	return fd, nil
}

// unixBound opens a UNIX socket with this name. A path is recorded.
func (r *role) unixBound(kind int, name string) (int, error) {
	fd, err := unixSocket(kind)
	if err != nil {
		return -1, err
	}
	bind := func() error { return unix.Bind(fd, unixAddr(name)) }
	if strings.HasPrefix(name, "@") {
		err = bind()
	} else {
		_, err = r.journal.path("socket", name, bind)
	}
	if err != nil {
		return -1, fmt.Errorf("bind %s: %w", name, err)
	}
	return fd, nil
}

// unixListen opens a UNIX socket with this name, listens on it and reports it.
func (r *role) unixListen(kind int, name string, backlog int, lookFor string) (int, error) {
	fd, err := r.unixBound(kind, name)
	if err != nil {
		return -1, err
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return -1, fmt.Errorf("listen on %s: %w", name, err)
	}
	return fd, r.socket(schema.Unix, fd, name, lookFor)
}

// unixConnect opens a UNIX socket that is connected to this name.
func unixConnect(kind int, name string) (int, error) {
	fd, err := unixSocket(kind)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, unixAddr(name)); err != nil {
		return -1, fmt.Errorf("connect to %s: %w", name, err)
	}
	return fd, nil
}

// socket reports a socket.
func (r *role) socket(kind schema.Kind, fd int, path, lookFor string) error {
	ino, err := inode(fd)
	if err != nil {
		return err
	}
	r.object(Object{Ref: schema.Ref{Kind: kind, ID: ino}, Path: path, LookFor: lookFor})
	return nil
}

// accept takes one connection. Signals do not end its wait.
func accept(fd int) (int, error) {
	for {
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, fmt.Errorf("accept: %w", err)
		}
		return conn, nil
	}
}

// awaitUnread waits until the socket holds this many unread bytes. For a datagram socket this is the size of the next
// datagram.
func awaitUnread(fd, bytes int) error {
	return await(context.Background(), "data to arrive", func() (bool, error) {
		// TIOCINQ is another name of FIONREAD and SIOCINQ (man 7 unix, man 7 tcp).
		n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
		return n >= bytes, err
	})
}

// unixPair is a scenario with one connected pair and a listening socket, for types with connections.
func unixPair(name, title, lookFor string, kind int, address func(*stage) (string, error)) Scenario {
	const greeting = "unread\n"
	return Scenario{
		Name: name, Title: title, LookFor: lookFor,
		set: func(s *stage) error {
			at, err := address(s)
			if err != nil {
				return err
			}
			server, err := s.start("server", []string{at})
			if err != nil {
				return err
			}
			if _, err := s.start("client", []string{at}); err != nil {
				return err
			}
			return server.await(s.ctx)
		},
		roles: map[string]func(*role) error{
			"server": func(r *role) error {
				at := r.args[0]
				listener, err := r.unixListen(kind, at, 8, "listening socket")
				if err != nil {
					return err
				}
				r.ready()
				conn, err := accept(listener)
				if err != nil {
					return err
				}
				if err := awaitUnread(conn, len(greeting)); err != nil {
					return err
				}
				if err := r.socket(schema.Unix, conn, at,
					"accepted end: its peer is demo-client's socket; 7 bytes lie unread"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
			"client": func(r *role) error {
				at := r.args[0]
				fd, err := unixConnect(kind, at)
				if err != nil {
					return err
				}
				if _, err := unix.Write(fd, []byte(greeting)); err != nil {
					return fmt.Errorf("write to %s: %w", at, err)
				}
				if err := r.socket(schema.Unix, fd, "", "connecting end, without a name of its own"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
		},
	}
}
