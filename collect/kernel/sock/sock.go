package sock

import "strconv"

// SocketState is a socket's state in TCP's numbers, which the kernel uses for every family (include/net/tcp_states.h).
type SocketState uint8

// The states that the code compares; the others only have a name.
const (
	SocketEstablished SocketState = 1
	SocketSynSent     SocketState = 2
	SocketFinWait2    SocketState = 5
	SocketTimeWait    SocketState = 6
	SocketClosed      SocketState = 7 // ss says UNCONN
	SocketCloseWait   SocketState = 8
	SocketListen      SocketState = 10
)

// String is ss's word: ESTAB, UNCONN, LISTEN, CLOSE-WAIT …
func (s SocketState) String() string {
	switch s {
	case SocketEstablished:
		return "ESTAB"
	case SocketSynSent:
		return "SYN-SENT"
	case 3, 12: // 12 is TCP_NEW_SYN_RECV
		return "SYN-RECV"
	case 4:
		return "FIN-WAIT-1"
	case SocketFinWait2:
		return "FIN-WAIT-2"
	case SocketTimeWait:
		return "TIME-WAIT"
	case SocketClosed, 13: // 13 is TCP_BOUND_INACTIVE: bound, neither listening nor connected
		return "UNCONN"
	case SocketCloseWait:
		return "CLOSE-WAIT"
	case 9:
		return "LAST-ACK"
	case SocketListen:
		return "LISTEN"
	case 11:
		return "CLOSING"
	}
	return "state-" + strconv.Itoa(int(s))
}

// SocketType is a socket's type: an argument of socket(2).
type SocketType uint8

// The types of unix(7), netlink(7), packet(7) and vsock(7).
const (
	SocketStream    SocketType = 1
	SocketDgram     SocketType = 2
	SocketRaw       SocketType = 3
	SocketSeqpacket SocketType = 5
)

// String is the type's short name.
func (t SocketType) String() string {
	switch t {
	case SocketStream:
		return "stream"
	case SocketDgram:
		return "dgram"
	case SocketRaw:
		return "raw"
	case SocketSeqpacket:
		return "seqpacket"
	}
	return "type-" + strconv.Itoa(int(t))
}

// Shutdown is the set of closed directions of a socket (include/net/sock.h).
type Shutdown uint8

// A socket has both after its peer has closed its end.
const (
	ShutdownReceive Shutdown = 1 // a read gives end of file
	ShutdownSend    Shutdown = 2 // a write gives EPIPE
)
