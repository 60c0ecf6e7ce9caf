package demo

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// epollWait is a server's loop that waits for a pipe and a timer. Neither is ready.
func epollWait() Scenario {
	return Scenario{
		Name: "epoll", Title: "epoll instance that a process waits on",
		LookFor: "demo-epoll sleeps in epoll_wait for a pipe and a timer",
		set: func(s *stage) error {
			c, err := s.start("epoll", nil)
			if err != nil {
				return err
			}
			return s.blocked(c, unix.SYS_EPOLL_PWAIT, epollWaitCall)
		},
		roles: map[string]func(*role) error{"epoll": waitInEpoll},
	}
}

func waitInEpoll(r *role) error {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("timerfd_create: %w", err)
	}
	// os.Pipe is no choice: the Go runtime's own epoll instance watches its ends.
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("pipe2: %w", err)
	}
	pipe := ends[0]
	for _, fd := range []int{pipe, timer} {
		if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd,
			&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}); err != nil {
			return fmt.Errorf("epoll_ctl %d: %w", fd, err)
		}
	}
	ino, err := inode(pipe)
	if err != nil {
		return err
	}
	if err := r.descriptor(schema.Epoll, ep, "this process sleeps in epoll_wait for a pipe and a timer"); err != nil {
		return err
	}
	r.object(Object{Ref: schema.Ref{Kind: schema.Pipe, ID: ino},
		LookFor: "both ends are this process's; its epoll instance watches it"})
	if err := r.descriptor(schema.TimerFD, timer, "it is not armed; the epoll instance watches it"); err != nil {
		return err
	}
	r.settled()
	for {
		if _, err := unix.EpollWait(ep, make([]unix.EpollEvent, 1), -1); err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll_wait: %w", err)
		}
	}
}
