package demo

import "golang.org/x/sys/unix"

// unixSeqpacket is a connection that keeps the boundaries of messages.
func unixSeqpacket() Scenario {
	return unixPair("unix-seqpacket", "Unix seqpacket socket with a connection",
		"the same as unix-stream, of type seqpacket",
		unix.SOCK_SEQPACKET, func(s *stage) (string, error) { return s.path("seqpacket") })
}
