package demo

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/schema"
)

// eventFD is two processes that share a counter. One sleeps in read until the other adds to it.
func eventFD() Scenario {
	return Scenario{
		Name: "eventfd", Title: "eventfd that one process waits on",
		LookFor: "demo-evt-wait sleeps in read of an eventfd whose count is 0; demo-evt-hold could wake it",
		set: func(s *stage) error {
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_SEMAPHORE)
			if err != nil {
				return fmt.Errorf("eventfd: %w", err)
			}
			shared := os.NewFile(uintptr(fd), "eventfd")
			defer shared.Close()
			if _, err := s.start("evt-hold", nil, shared); err != nil {
				return err
			}
			waiter, err := s.start("evt-wait", nil, shared)
			if err != nil {
				return err
			}
			return s.blocked(waiter, unix.SYS_READ)
		},
		roles: map[string]func(*role) error{
			"evt-hold": func(r *role) error {
				if err := r.eventFD("this process holds it too: a write of 1 would wake the waiter"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
			"evt-wait": func(r *role) error {
				if err := r.eventFD("the count is 0: this process sleeps in read"); err != nil {
					return err
				}
				r.settled()
				for buf := make([]byte, 8); ; {
					if _, err := unix.Read(extraFD, buf); err != nil && err != unix.EINTR {
						return err
					}
				}
			},
		},
	}
}

// eventFD reports the eventfd that the worker inherited.
func (r *role) eventFD(lookFor string) error {
	text, err := textOfFD(extraFD)
	if err != nil {
		return err
	}
	e, err := fdinfo.ParseEventFD(text)
	if err != nil || !e.HasID {
		return fmt.Errorf("this kernel gives an eventfd no number: %q (%v)", text, err)
	}
	r.object(Object{Ref: schema.Ref{Kind: schema.EventFD, ID: e.ID}, LookFor: lookFor})
	return nil
}

// textOfFD reads the fdinfo of a descriptor of this process.
func textOfFD(fd int) ([]byte, error) { return os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)) }
