package demo

import (
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// pipeNoReader is a write end whose reader is gone. The next write would fail with EPIPE.
func pipeNoReader() Scenario {
	return Scenario{
		Name: "pipe-no-reader", Title: "pipe without a reader",
		LookFor: "demo-orphan-wr holds the write end of a pipe that nobody can read any more",
		set: func(s *stage) error {
			_, err := s.start("orphan-wr", nil)
			return err
		},
		roles: map[string]func(*role) error{
			"orphan-wr": func(r *role) error {
				var ends [2]int
				if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
					return err
				}
				if _, err := unix.Write(ends[1], []byte("nobody will read this\n")); err != nil {
					return err
				}
				if err := unix.Close(ends[0]); err != nil {
					return err
				}
				ino, err := inode(ends[1])
				if err != nil {
					return err
				}
				r.object(Object{Ref: schema.Ref{Kind: schema.Pipe, ID: ino},
					LookFor: "one writer, no reader: the next write gets SIGPIPE"})
				r.ready()
				return r.park()
			},
		},
	}
}
