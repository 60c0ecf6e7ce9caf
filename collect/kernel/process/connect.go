package process

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Connects is true for connect(2).
func (c BlockedCall) Connects() bool { return c.NR == unix.SYS_CONNECT }

// ConnectsTo reads the name of the UNIX socket to which a thread connects. An abstract name comes without its NUL
// (unix(7)). It needs the right to ptrace the process. ErrOtherCall: the call connects another kind of socket, or the
// thread is no longer in the call.
func (p Dir) ConnectsTo(c BlockedCall) (name string, abstract bool, err error) {
	const family = 2 // bytes
	var addr [unix.SizeofSockaddrUnix]byte
	size := min(c.Args[2], uint64(len(addr)))
	if !c.Connects() || size <= family {
		return "", false, fmt.Errorf("thread %d: %w", c.TID, ErrOtherCall)
	}
	if err := p.readMemory(c.TID, c.Args[1], addr[:size]); err != nil {
		return "", false, err
	}
	if binary.NativeEndian.Uint16(addr[:]) != unix.AF_UNIX {
		return "", false, fmt.Errorf("thread %d: %w", c.TID, ErrOtherCall)
	}
	if err := p.checkCall(c); err != nil {
		return "", false, err
	}
	if addr[family] == 0 {
		return string(addr[family+1 : size]), true, nil
	}
	return unix.ByteSliceToString(addr[family:size]), false, nil
}
