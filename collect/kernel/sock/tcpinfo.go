package sock

import (
	"encoding/binary"
	"strconv"
	"time"
)

// TCPInfo is what TCP knows of a connection (man 7 tcp, TCP_INFO; include/uapi/linux/tcp.h, struct tcp_info). What a
// kernel does not tell is 0.
type TCPInfo struct {
	RTO, RTT, RTTVar time.Duration
	MinRTT           time.Duration
	MSS              uint32        // bytes of the largest segment that it sends
	CWnd             uint32        // segments that may be on their way
	SSThresh         uint32        // segments; Infinite: never reached
	Unacked, Lost    uint32        // segments
	Retrans          uint32        // segments sent again so far, in its whole life
	LastSent         time.Duration // since it last sent data
	LastReceived     time.Duration // since it last received data
	BytesAcked       uint64
	BytesReceived    uint64
	NotSent          uint32 // bytes that wait for being sent the first time
}

// TCPInfinite is a threshold that was never reached (TCP_INFINITE_SSTHRESH, include/net/tcp.h).
const TCPInfinite = 0x7fffffff

// tcpInfoSize is struct tcp_info up to tcpi_total_retrans, which the oldest kernels have.
const tcpInfoSize = 104

// read takes what there is of struct tcp_info: it has grown over the years.
func (t *TCPInfo) read(data []byte) {
	u32 := func(at int) uint32 {
		if len(data) < at+4 {
			return 0
		}
		return binary.NativeEndian.Uint32(data[at:])
	}
	u64 := func(at int) uint64 {
		if len(data) < at+8 {
			return 0
		}
		return binary.NativeEndian.Uint64(data[at:])
	}
	us := func(at int) time.Duration { return time.Duration(u32(at)) * time.Microsecond }
	ms := func(at int) time.Duration { return time.Duration(u32(at)) * time.Millisecond }
	t.RTO, t.MSS, t.Unacked, t.Lost = us(8), u32(16), u32(24), u32(32)
	t.LastSent, t.LastReceived = ms(44), ms(52)
	t.RTT, t.RTTVar, t.SSThresh, t.CWnd = us(68), us(72), u32(76), u32(80)
	t.Retrans, t.BytesAcked, t.BytesReceived = u32(100), u64(120), u64(128)
	t.NotSent = u32(144)
	if n := u32(148); n != ^uint32(0) { // not measured yet
		t.MinRTT = us(148)
	}
}

// String is ss's word for a timer: "on" waits for an acknowledgment, "persist" probes a closed window; "" for none.
func (t SocketTimer) String() string {
	switch t {
	case TimerOff:
		return ""
	case TimerRetransmit:
		return "on"
	case TimerKeepalive:
		return "keepalive"
	case TimerTimeWait:
		return "timewait"
	case TimerProbe:
		return "persist"
	}
	return "timer-" + strconv.Itoa(int(t))
}
