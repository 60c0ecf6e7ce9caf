// Package vfs asks about files by their paths, whatever they are: identity, size, times, who may move them.
//
//	PosixFile, StatFile   what stat tells (man 2 stat)
//	FileID, IDOf          device, inode and type, by a statx that asks no server
//	ReadFile              a regular file's beginning, without a wait for FIFOs and links
//	SpecialFiles          a walk below directories for FIFOs and sockets
package vfs
