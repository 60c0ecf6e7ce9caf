// Package process looks into processes: the files of /proc/PID, their threads, and what these wait for.
//
//	PIDs, Open -> Dir              an open /proc/PID, which stays with one process
//	  |  FDs, SharedMaps           what it has open and mapped
//	  |  Tasks -> BlockedCall      where each thread is, and the system call that it sleeps in
//	  |       |  SysV, File, Transfers, EpollFD      what the call's arguments name
//	  |       |  PollFDs, Futex, SemOps, Timeout     what lies in the process's memory
//	  |       |  Halted, Switches, LastRan           whether and how long it sleeps
//	ParseProcStat, ParseIDMap …    one file each
//	PollPipe, CompareFiles …       a descriptor, through a duplicate or kcmp(2)
//	StartBare, OpenHandle          changes, for kernel.Admin alone
package process
