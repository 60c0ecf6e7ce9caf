package sys

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
)

// SelfPID is the pid of this process in the pid namespace of /proc; 0 if /proc does not show this process. Other system
// calls take and give numbers of the caller's own pid namespace.
func SelfPID() int {
	self, _ := os.Readlink("/proc/self")
	pid, _ := strconv.Atoi(self)
	return pid
}

// ForeignPIDs is true if /proc belongs to another pid namespace than the caller, or is no real /proc. Its numbers then
// mean other processes in system calls. Examples are unshare --pid without --mount-proc, and nsenter --pid.
func ForeignPIDs() bool { return SelfPID() != os.Getpid() }

// numbersDiffer is ForeignPIDs at the first question: the question costs a microsecond, and is asked for each number.
var numbersDiffer = sync.OnceValue(ForeignPIDs)

// errForeignPIDs is an error of missing rights: what the number means in /proc cannot be looked into.
var errForeignPIDs = fmt.Errorf("/proc is of another pid namespace, and its numbers mean other processes here: %w",
	fs.ErrPermission)

// CheckPIDs returns an error if a number of /proc means another process, or none, in system calls. All system calls
// that take a number which /proc showed ask it first: process_vm_readv, kcmp, pidfd_open, the CPU clocks.
func CheckPIDs() error {
	if numbersDiffer() {
		return errForeignPIDs
	}
	return nil
}
