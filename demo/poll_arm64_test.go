package demo_test

// pollCall matches no call: arm64 has only ppoll.
const pollCall = -1

// epollWaitCall matches no call: arm64 has only epoll_pwait.
const epollWaitCall = -2
