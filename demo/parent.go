package demo

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// WithParent returns a context that is also cancelled when the process that started this one ends. cancel releases it.
// A parent outside this PID namespace (pid 0) cannot be watched, and pid 1 takes its namespace with it.
//
// PR_SET_PDEATHSIG would not do: it is tied to the parent's thread that forked (man 2 PR_SET_PDEATHSIG), and "go run"
// and shells in Go end threads as they like.
func WithParent(ctx context.Context) (context.Context, context.CancelFunc, error) {
	ctx, cancel := context.WithCancel(ctx)
	pid := os.Getppid()
	if pid <= 1 {
		return ctx, cancel, nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH || err == nil && os.Getppid() != pid {
		cancel() // it ended just now, and the pid may be another's
	}
	if err == unix.ESRCH {
		return ctx, cancel, nil
	}
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("watch the parent process %d: %w", pid, err)
	}
	go func() {
		defer unix.Close(fd)
		defer cancel()
		for ctx.Err() == nil {
			// A pidfd is readable once its process has ended. The time limit is for ctx.
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, parentPoll)
			if n > 0 || err != nil && err != unix.EINTR {
				return
			}
		}
	}()
	return ctx, cancel, nil
}

// parentPoll is in milliseconds.
const parentPoll = 500
