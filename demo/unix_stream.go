package demo

import "golang.org/x/sys/unix"

// unixStream: a stream socket at a path, with one connection.
func unixStream() Scenario {
	return unixPair("unix-stream", "Unix stream socket with a connection",
		"demo-server listens at a path; its accepted socket and demo-client's are each other's peers",
		unix.SOCK_STREAM, func(s *stage) (string, error) { return s.path("stream") })
}
