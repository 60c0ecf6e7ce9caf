package demo

import "golang.org/x/sys/unix"

// epollWaitCall is what x/sys's EpollWait calls here.
const epollWaitCall = unix.SYS_EPOLL_PWAIT
