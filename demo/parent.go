package demo

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// WithParent returns a context that also ends when the parent of this process ends. cancel releases it. A parent
// outside this PID namespace (pid 0) cannot be watched. If pid 1 ends, its whole namespace ends.
//
// PR_SET_PDEATHSIG is no choice. It acts at the end of the parent's thread that forked (man 2 PR_SET_PDEATHSIG). "go
// run" and shells in Go end threads at any time.
func WithParent(ctx context.Context) (context.Context, context.CancelFunc, error) {
	ctx, cancel := context.WithCancel(ctx)
	pid := os.Getppid()
	if pid <= 1 {
		return ctx, cancel, nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH || err == nil && os.Getppid() != pid {
		cancel() // the parent has just ended, and another process may have its pid
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
			// A pidfd is readable after the end of its process. The time limit is there to notice the end of ctx.
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, parentPoll)
			if n > 0 || err != nil && err != unix.EINTR {
				return
			}
		}
	}()
	return ctx, cancel, nil
}

// parentPoll is a time in milliseconds.
const parentPoll = 500
