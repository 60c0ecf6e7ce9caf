package process

// sysEpollWait does not exist on arm64: glibc's epoll_wait calls epoll_pwait there.
const sysEpollWait = -1
