package demo

import "golang.org/x/sys/unix"

// unixStream is a stream socket with a path, and one connection.
func unixStream() Scenario {
	return unixPair("unix-stream", "Unix stream socket with a connection",
		"demo-server listens at a path; its accepted socket and demo-client's are each other's peers",
		unix.SOCK_STREAM, func(s *stage) (string, error) { return s.path("stream") })
}
