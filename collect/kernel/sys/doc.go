// Package sys holds what every room below kernel needs of the machine, and knows no IPC object:
//
//	Root                  where the machine's files begin, and whether it is the live one
//	Gone, Denied          what an errno means
//	OpenDir, EachDirent   directories, by the raw system calls
//	BootTime, PageSize    the machine's numbers
//	Holds                 the rights of this process
//	SignalSet             signals by number and name
package sys
