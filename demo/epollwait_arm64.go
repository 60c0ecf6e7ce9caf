package demo

import "golang.org/x/sys/unix"

// epollWaitCall is the system call of unix.EpollWait on this architecture.
const epollWaitCall = unix.SYS_EPOLL_PWAIT
