package demo

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// semSize is sizeof(sem_t), the mapped size of a named semaphore.
const semSize = 32

// psemWaiting is a named semaphore with the value 0, and a process in sem_wait. The creator maps it under a temporary
// name that is gone, in the same way as sem_open of glibc.
func psemWaiting() Scenario {
	return Scenario{
		Name: "psem-waiting", Title: "POSIX named semaphore with a waiter",
		LookFor: "sval 0, nwaiters 1; demo-psem made it and maps it under a temporary name, demo-psem-wait " +
			"sleeps in sem_wait",
		set: func(s *stage) error {
			owner, err := s.start("psem", nil)
			if err != nil {
				return err
			}
			waiter, err := s.withName(owner, "psem-wait")
			if err != nil {
				return err
			}
			return s.blocked(waiter, unix.SYS_FUTEX)
		},
		roles: map[string]func(*role) error{
			"psem": func(r *role) error {
				e, fd, err := r.posix(schema.PSem, func(name string) (int, error) {
					fd, _, err := r.admin.PosixSemOpenNew(name, 0o600, 0)
					return fd, err
				})
				if err != nil {
					return err
				}
				if _, err := mapAndClose(fd, semSize); err != nil {
					return err
				}
				r.reportPosix(e, "this process made it; its maps show the temporary name that sem_open used")
				r.ready()
				return r.park()
			},
			"psem-wait": func(r *role) error {
				name, err := r.reportOtherPosix(schema.PSem, "this process sleeps in sem_wait: the value is 0")
				if err != nil {
					return err
				}
				fd, err := r.admin.ShmOpen("/sem."+name[1:], unix.O_RDWR, 0)
				if err != nil {
					return err
				}
				sem, err := mapAndClose(fd, semSize)
				if err != nil {
					return err
				}
				r.settled()
				for err == nil {
					err = r.admin.PosixSemWait(sem)
				}
				return err
			},
		},
	}
}

// mapAndClose maps a file as shared, for reading and writing. Then it closes the descriptor.
func mapAndClose(fd, size int) ([]byte, error) {
	data, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return data, unix.Close(fd)
}
