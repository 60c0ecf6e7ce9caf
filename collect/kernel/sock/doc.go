// Package sock lists the sockets of a network namespace, with the kernel's data on each.
//
//	UnixSockets, InetSockets …   one address family each
//	        |
//	sock_diag over netlink       diag.go: one dump, its answers cut into messages and attributes (man 7 sock_diag)
//	        | missing, or a file tree
//	/proc/net                    proc.go: less data, and slower
//
// Extensions add more data on each TCP socket. ReadSocketTimes reads one socket of a process through a duplicate.
package sock
