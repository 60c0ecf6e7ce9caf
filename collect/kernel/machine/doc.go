// Package machine reads what only a check of the whole machine asks for.
//
//	SysctlNumbers, ReadMemory, Tasks                /proc
//	ReadRemoveIPC, LogindUser, LogindRuns           systemd-logind's files (logind.go)
//	SystemUIDMax                                    login.defs
package machine
