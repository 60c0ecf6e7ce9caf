// Package sys has the parts of the machine that every room below kernel needs. It knows no IPC object.
//
//	Root                  where the machine's files begin; live or not
//	Gone, Denied          the meaning of an errno
//	OpenDir, EachDirent   directories, by the raw system calls
//	BootTime, PageSize    the machine's numbers
//	Holds                 the rights of this process
//	SignalSet             signals by number and name
package sys
