// Package sock lists sockets of a network namespace, with what the kernel knows of each.
//
//	UnixSockets, InetSockets …   one address family each
//	        |
//	sock_diag over netlink       diag.go: one dump, its answers cut into messages and attributes (man 7 sock_diag)
//	        | not there, or a file tree
//	/proc/net                    proc.go: less, and more slowly
//
// Extensions ask for more of each TCP socket. ReadSocketTimes looks at one socket of a process through a duplicate.
package sock
