// Package fdinfo reads the kernel's texts about descriptors: /proc/PID/fdinfo/N (proc_pid_fdinfo(5)) and /proc/locks.
// fdinfo has lines of /proc/locks, too.
//
//	ParseEventFD, ParseTimerFD …   one kind of descriptor each
//	Access, Flags                  the open mode of a descriptor
//	Locks, ParseFDInfoLocks        file locks and the requests that wait
package fdinfo
