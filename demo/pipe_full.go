package demo

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// pipeFull is a reader that holds its end but never reads. So the writer fills the pipe and sleeps in write.
func pipeFull() Scenario {
	return Scenario{
		Name: "pipe-full", Title: "full pipe with a blocked writer",
		LookFor: "demo-writer sleeps in write because demo-reader does not read; ending demo-reader frees it",
		set: func(s *stage) error {
			r, w, err := os.Pipe()
			if err != nil {
				return err
			}
			// Only the workers may hold the ends. With a read end open here the writer would never get EPIPE.
			defer r.Close()
			defer w.Close()
			if _, err := s.start("reader", nil, r); err != nil {
				return err
			}
			writer, err := s.start("writer", nil, w)
			if err != nil {
				return err
			}
			return s.blocked(writer, unix.SYS_WRITE)
		},
		roles: map[string]func(*role) error{
			"reader": func(r *role) error {
				ino, err := inode(extraFD)
				if err != nil {
					return err
				}
				r.object(Object{Ref: schema.Ref{Kind: schema.Pipe, ID: ino},
					LookFor: "this process holds the read end and does not read: it blocks demo-writer"})
				r.ready()
				return r.park()
			},
			"writer": func(r *role) error {
				ino, err := inode(extraFD)
				if err != nil {
					return err
				}
				r.object(Object{Ref: schema.Ref{Kind: schema.Pipe, ID: ino},
					LookFor: "the pipe is full: this process sleeps in write"})
				r.settled()
				for chunk := make([]byte, 4096); ; {
					if _, err := unix.Write(extraFD, chunk); err != nil && err != unix.EINTR {
						return nil // EPIPE: somebody has ended the reader
					}
				}
			},
		},
	}
}

// inode returns the inode number of an open descriptor.
func inode(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("fstat %d: %w", fd, err)
	}
	return st.Ino, nil
}
