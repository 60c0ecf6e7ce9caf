package kernel

import (
	"fmt"
	"golang.org/x/sys/unix"
	"unsafe"
)

// LockRequest reads what a thread that is blocked in fcntl(F_SETLKW, F_OFD_SETLKW) asks for, from the memory of its process, whose
// rights it takes. Only a range from the file's start (SEEK_SET) can be told. errors.Is(err, ErrOtherCall): it is not in such a call.
func (p ProcDir) LockRequest(c BlockedCall) (mode string, start, end uint64, err error) {
	if call, _, ok := c.File(); !ok || call != "fcntl" || !p.live {
		return "", 0, 0, ErrOtherCall
	}
	var lock unix.Flock_t
	size := int(unsafe.Sizeof(lock))
	local := []unix.Iovec{{Base: (*byte)(unsafe.Pointer(&lock)), Len: uint64(size)}}
	n, err := unix.ProcessVMReadv(c.TID, local, []unix.RemoteIovec{{Base: uintptr(c.Args[2]), Len: size}}, 0)
	if err != nil {
		return "", 0, 0, fmt.Errorf("process_vm_readv %d: %w", c.TID, err)
	}
	if now, err := p.blockedCall(c.TID, nil); err != nil || now != c || n != size || lock.Whence != unix.SEEK_SET {
		return "", 0, 0, ErrOtherCall
	}
	return lockRange(lock)
}
