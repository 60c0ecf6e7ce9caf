package demo_test

import "golang.org/x/sys/unix"

// pollCall is the number of poll. arm64 has only ppoll.
const pollCall = unix.SYS_POLL

const epollWaitCall = unix.SYS_EPOLL_WAIT
