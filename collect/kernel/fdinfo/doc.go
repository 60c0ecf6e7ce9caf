// Package fdinfo reads the texts that the kernel has about descriptors: /proc/PID/fdinfo/N (proc_pid_fdinfo(5)) and
// /proc/locks, whose lines stand in fdinfo as well.
//
//	ParseEventFD, ParseTimerFD …   one kind of descriptor each
//	Access, Flags                  how a descriptor may be used
//	Locks, ParseFDInfoLocks        file locks, held and asked for
package fdinfo
