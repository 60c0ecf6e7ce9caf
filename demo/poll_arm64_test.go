package demo_test

// pollCall is no number: arm64 has ppoll alone.
const pollCall = -1

// epollWaitCall is no number: arm64 has epoll_pwait alone.
const epollWaitCall = -2
