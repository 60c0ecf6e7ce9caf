package process

// sysEpollWait does not exist on arm64, where glibc's epoll_wait is epoll_pwait.
const sysEpollWait = -1
