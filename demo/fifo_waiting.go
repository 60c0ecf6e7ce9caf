package demo

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// fifoWaiting is a FIFO that is opened only for reading, in two ways (man 7 fifo). A plain open sleeps until a writer
// comes, and has no descriptor yet. An open with O_NONBLOCK succeeds at once.
func fifoWaiting() Scenario {
	return Scenario{
		Name: "fifo-waiting", Title: "FIFO waiting for its other end",
		LookFor: "demo-fifo-open sleeps in open, demo-fifo-read holds a read end; no writer is there",
		set: func(s *stage) error {
			path, err := s.path("fifo")
			if err != nil {
				return err
			}
			if _, err := s.start("fifo-read", []string{path}); err != nil {
				return err
			}
			opener, err := s.start("fifo-open", []string{path})
			if err != nil {
				return err
			}
			return s.blocked(opener, unix.SYS_OPENAT)
		},
		roles: map[string]func(*role) error{
			"fifo-read": func(r *role) error {
				path := r.args[0]
				if _, err := r.journal.path("fifo", path,
					func() error { return unix.Mkfifo(path, 0o600) }); err != nil {
					return err
				}
				if _, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != nil {
					return fmt.Errorf("open %s: %w", path, err)
				}
				if err := r.fifo(path, "this process reads, nobody writes"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
			"fifo-open": func(r *role) error {
				path := r.args[0]
				if err := r.fifo(path, "this process sleeps in open until a writer comes"); err != nil {
					return err
				}
				r.settled()
				for {
					// A writer has come and gone. Now the worker only waits for the end.
					if _, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != unix.EINTR {
						return r.park()
					}
				}
			},
		},
	}
}

// fifo reports a FIFO by its path.
func (r *role) fifo(path, lookFor string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	r.object(Object{Ref: schema.Ref{Kind: schema.Fifo, Space: st.Dev, ID: st.Ino}, Path: path, LookFor: lookFor})
	return nil
}
