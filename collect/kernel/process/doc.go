// Package process reads processes: the files of /proc/PID, their threads, and the waits of these threads.
//
//	PIDs, Open -> Dir              an open /proc/PID, which stays with one process
//	  |  FDs, SharedMaps           its descriptors and mappings
//	  |  Tasks -> BlockedCall      the state of each thread, and the system call in which it sleeps
//	  |       |  SysV, File, Transfers, EpollFD      the objects that the call's arguments name
//	  |       |  PollFDs, Futex, SemOps, Timeout     data from the process's memory
//	  |       |  Halted, Switches, LastRan           the state of the sleep and its length
//	ParseProcStat, ParseIDMap …    one file each
//	PollPipe, CompareFiles …       a descriptor, through a duplicate or kcmp(2)
//	StartBare, OpenHandle          changes, only for kernel.Admin
package process
