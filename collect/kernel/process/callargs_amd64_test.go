package process_test

import (
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
)

// archCalls are the calls that only this architecture has. x/sys turns them into ppoll and pselect6.
func archCalls() map[string]blockedCall {
	return map[string]blockedCall{
		"poll": {func(int) { rawPoll(1e6) },
			seenCall{Name: "poll", Polled: polled(), Serves: true, For: long, Timed: true}},
		"poll ever": {func(int) { rawPoll(-1) }, seenCall{Name: "poll", Polled: polled(), Serves: true}},
		"select": {func(int) { rawSelect(&unix.Timeval{Sec: 1000, Usec: 5}) }, seenCall{Name: "select",
			Polled: fds{{FD: readEnd, For: fdinfo.CanRead}, {FD: writeEnd, For: fdinfo.CanWrite},
				{FD: sock, For: fdinfo.CanRead}},
			Serves: true, For: long + 5*time.Microsecond, Timed: true}},
	}
}

func rawPoll(ms int) {
	list := pollList()
	unix.Syscall(unix.SYS_POLL, uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)), uintptr(ms))
}

// rawSelect waits to write to the full writeEnd, and for urgent data of readEnd and sock.
func rawSelect(tv *unix.Timeval) {
	unix.SetNonblock(writeEnd, true)
	for {
		if _, err := unix.Write(writeEnd, make([]byte, 4096)); err != nil {
			break
		}
	}
	r, w, e := fdSet(), fdSet(writeEnd), fdSet(sock, readEnd)
	unix.Syscall6(unix.SYS_SELECT, sock+1, uintptr(unsafe.Pointer(r)), uintptr(unsafe.Pointer(w)),
		uintptr(unsafe.Pointer(e)), uintptr(unsafe.Pointer(tv)), 0)
	runtime.KeepAlive(tv)
}
