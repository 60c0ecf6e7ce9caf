package sys

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// WithOwnRights runs f with the rights that the user has without the capabilities of the program's file (setcap(8)).
// Else the environment or an argument could make ipctop read or write files that its user must not open. The
// capabilities of a container or of root are their own. f must open files only on the calling goroutine. If the
// capabilities cannot be put aside, f does not run.
func WithOwnRights(f func()) {
	if EffectiveUID() == 0 || !fileGaveRights() {
		f()
		return
	}
	runtime.LockOSThread() // each thread has its own capabilities (man 2 capset)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var all [2]unix.CapUserData
	if err := unix.Capget(&header, &all[0]); err != nil { // no kernel does that
		runtime.UnlockOSThread()
		return
	}
	none := all
	none[0].Effective, none[1].Effective = 0, 0
	if err := unix.Capset(&header, &none[0]); err != nil {
		runtime.UnlockOSThread()
		return
	}
	defer func() {
		if err := unix.Capset(&header, &all[0]); err == nil { // else the thread ends with its goroutine
			runtime.UnlockOSThread()
		}
	}()
	f()
}

// fileGaveRights is true if execve(2) gave this process more rights than its user has (AT_SECURE in getauxval(3),
// cap_bprm_creds_from_file in security/commoncap.c).
func fileGaveRights() bool {
	const secure = 23 // AT_SECURE, include/uapi/linux/auxvec.h
	vector, err := unix.Auxv()
	for _, entry := range vector {
		if entry[0] == secure {
			return entry[1] != 0
		}
	}
	return err != nil
}
