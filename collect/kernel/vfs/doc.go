// Package vfs reads files by their paths: identity, size, times, and which users may move them. It also unlinks them.
//
//	PosixFile, StatFile   the result of stat (man 2 stat)
//	FileID, IDOf          device, inode and type, by a statx that asks no server
//	ReadFile              the beginning of a regular file; it does not wait for FIFOs or follow links
//	OwnMounts, MountsOf   the mounts of a mount namespace
//	SpecialFiles          a walk below directories for FIFOs and sockets
//	UnlinkSame            removes a name, only for kernel.Admin and the rooms beside
package vfs
