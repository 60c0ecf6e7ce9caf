package demo

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// pseudoTerminal is a terminal emulator at the master, and a program at the slave that waits for a line.
func pseudoTerminal() Scenario {
	return Scenario{
		Name: "pty", Title: "pseudoterminal with a program that waits for a line",
		LookFor: "demo-terminal holds the master, demo-shell sleeps in read of the slave",
		set: func(s *stage) error {
			fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("open /dev/ptmx: %w", err)
			}
			master := os.NewFile(uintptr(fd), "ptmx")
			defer master.Close()
			// A new slave is locked (man 3 unlockpt).
			if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
				return fmt.Errorf("unlock the pseudoterminal: %w", err)
			}
			index, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
			if err != nil {
				return fmt.Errorf("number of the pseudoterminal: %w", err)
			}
			n := strconv.Itoa(index)
			if _, err := s.start("terminal", []string{n}, master); err != nil {
				return err
			}
			shell, err := s.start("shell", []string{n})
			if err != nil {
				return err
			}
			return s.blocked(shell, unix.SYS_READ)
		},
		roles: map[string]func(*role) error{
			"terminal": func(r *role) error {
				if err := r.pty("this process holds the master and types nothing"); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
			"shell": func(r *role) error {
				path := "/dev/pts/" + r.args[0]
				fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
				if err != nil {
					return fmt.Errorf("open %s: %w", path, err)
				}
				if err := r.pty("this process sleeps in read of the slave until somebody types a line"); err != nil {
					return err
				}
				r.settled()
				for {
					if n, err := unix.Read(fd, make([]byte, 80)); err != unix.EINTR && n <= 0 {
						return r.park() // the master has hung up
					}
				}
			},
		},
	}
}

// pty reports the pseudoterminal whose index is the argument of the worker.
func (r *role) pty(lookFor string) error {
	index, err := strconv.ParseUint(r.args[0], 10, 32)
	if err != nil {
		return err
	}
	r.object(Object{Ref: schema.Ref{Kind: schema.Pty, ID: index}, LookFor: lookFor})
	return nil
}
