// Package machine reads settings and numbers of the whole machine, for a check of the machine.
//
//	SysctlNumbers, ReadMemory, Tasks                /proc
//	ReadRemoveIPC, LogindUser, LogindRuns           systemd-logind's files (logind.go)
//	SystemUIDMax                                    login.defs
package machine
