package demo

import (
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

const pshmSize = 1 << 20

// pshmShared is the healthy case: shared memory that two processes map.
func pshmShared() Scenario {
	return Scenario{
		Name: "pshm-shared", Title: "POSIX shared memory of two processes",
		LookFor: "size 1 MiB of which a page is allocated; demo-pshm made it and has it mapped, demo-pshm-user too",
		set: func(s *stage) error {
			owner, err := s.start("pshm", nil)
			if err != nil {
				return err
			}
			_, err = s.withName(owner, "pshm-user")
			return err
		},
		roles: map[string]func(*role) error{
			"pshm": func(r *role) error {
				e, err := r.sharedMemory("in use by two processes\n")
				if err != nil {
					return err
				}
				r.reportPosix(e, "this process made it and maps it")
				r.ready()
				return r.park()
			},
			"pshm-user": func(r *role) error {
				name, err := r.reportOtherPosix(schema.PShm, "this process maps it as well")
				if err != nil {
					return err
				}
				fd, err := r.admin.ShmOpen(name, unix.O_RDWR, 0)
				if err != nil {
					return err
				}
				if _, err := mapAndClose(fd, pshmSize); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
		},
	}
}

// pshmDeleted is shared memory that was unlinked while it was mapped. No listing of /dev/shm shows it, but it still
// takes memory.
func pshmDeleted() Scenario {
	return Scenario{
		Name: "pshm-deleted", Title: "unlinked POSIX shared memory that is still mapped",
		LookFor: "status deleted; its memory is free once demo-pshm-gone has ended",
		set: func(s *stage) error {
			_, err := s.start("pshm-gone", nil)
			return err
		},
		roles: map[string]func(*role) error{
			"pshm-gone": func(r *role) error {
				e, err := r.sharedMemory("removed, not gone\n")
				if err != nil {
					return err
				}
				if err := r.admin.PosixShmRemoveSame(e.Path, vfs.Same{Dev: e.Dev, Ino: e.Ino}); err != nil {
					return err
				}
				r.object(Object{Ref: schema.Ref{Kind: schema.PShm, Space: e.Dev, ID: e.Ino}, Path: e.Path,
					LookFor: "status deleted; this process still maps it"})
				r.ready()
				return r.park()
			},
		},
	}
}

// sharedMemory makes shared memory with a text at its start. The memory stays mapped.
func (r *role) sharedMemory(text string) (entry, error) {
	e, fd, err := r.posix(schema.PShm, func(name string) (int, error) {
		return r.admin.ShmOpen(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	})
	if err != nil {
		return e, err
	}
	if err := unix.Ftruncate(fd, pshmSize); err != nil {
		return e, err
	}
	data, err := mapAndClose(fd, pshmSize)
	if err != nil {
		return e, err
	}
	copy(data, text)
	return e, nil
}
