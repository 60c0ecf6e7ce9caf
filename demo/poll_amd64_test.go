package demo_test

import "golang.org/x/sys/unix"

// pollCall is poll's own number; arm64 has ppoll alone.
const pollCall = unix.SYS_POLL

const epollWaitCall = unix.SYS_EPOLL_WAIT
