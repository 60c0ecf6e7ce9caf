package kinds

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// inetOnDemand lists the columns that need a second dump of all TCP sockets.
func inetOnDemand() []string {
	ids := []string{"ns_leader"}
	for _, c := range tcpColumns() {
		ids = append(ids, c.ID)
	}
	return ids
}

// tcpColumns show TCP's facts about a connection, with ss's words. Sockets of other protocols have blank cells.
func tcpColumns() []schema.Column {
	type row = InetRow
	col := func(id string, typ schema.Type, width int, help string, get func(*sock.TCPInfo) schema.Value) schema.Column {
		return schema.Col(id, typ, width, SocketNeeds|NeedTCPInfo, help, func(r *row) schema.Value {
			switch {
			case r.Protocol != "tcp" || r.Listens() || r.State == sock.SocketTimeWait:
				return schema.None(typ)
			case r.tcp == nil:
				return schema.Uncollected(typ)
			}
			return get(r.tcp)
		})
	}
	num := func(id, help string, get func(*sock.TCPInfo) uint32) schema.Column {
		return col(id, schema.TypeInt, 7, help, func(t *sock.TCPInfo) schema.Value { return schema.Int(int64(get(t))) })
	}
	span := func(id, help string, get func(*sock.TCPInfo) time.Duration) schema.Column {
		return col(id, schema.TypeDuration, 7, help, func(t *sock.TCPInfo) schema.Value { return schema.Duration(get(t)) })
	}
	size := func(id, help string, get func(*sock.TCPInfo) uint64) schema.Column {
		return col(id, schema.TypeBytes, 7, help, func(t *sock.TCPInfo) schema.Value { return schema.Bytes(get(t)) })
	}
	return []schema.Column{
		col("cong", schema.TypeString, 6, "congestion control",
			func(t *sock.TCPInfo) schema.Value { return WordValue(t.Congestion) }),
		num("cwnd", "segments that may be on their way (congestion window)", func(t *sock.TCPInfo) uint32 { return t.CWnd }),
		col("ssthresh", schema.TypeInt, 7,
			"segments up to which the congestion window grows fast; blank while it was never reached",
			func(t *sock.TCPInfo) schema.Value {
				if t.SSThresh >= sock.TCPInfinite {
					return schema.None(schema.TypeInt)
				}
				return schema.Int(int64(t.SSThresh))
			}),
		num("mss", "bytes of the largest segment that it sends", func(t *sock.TCPInfo) uint32 { return t.MSS }),
		span("rtt", "round trip time, smoothed", func(t *sock.TCPInfo) time.Duration { return t.RTT }),
		span("rttvar", "how much the round trip time varies", func(t *sock.TCPInfo) time.Duration { return t.RTTVar }),
		span("minrtt", "shortest round trip time", func(t *sock.TCPInfo) time.Duration { return t.MinRTT }),
		span("rto", "how long it waits for an acknowledgment before it sends again",
			func(t *sock.TCPInfo) time.Duration { return t.RTO }),
		num("retrans_total", "segments that were sent again in its whole life",
			func(t *sock.TCPInfo) uint32 { return t.Retrans }),
		num("unacked", "segments sent and not acknowledged", func(t *sock.TCPInfo) uint32 { return t.Unacked }),
		num("lost", "segments taken for lost", func(t *sock.TCPInfo) uint32 { return t.Lost }),
		size("notsent", "bytes that wait for being sent the first time",
			func(t *sock.TCPInfo) uint64 { return uint64(t.NotSent) }),
		size("bytes_acked", "bytes that the other end has acknowledged",
			func(t *sock.TCPInfo) uint64 { return t.BytesAcked }),
		size("bytes_received", "bytes received", func(t *sock.TCPInfo) uint64 { return t.BytesReceived }),
		span("lastsnd", "time since it sent data", func(t *sock.TCPInfo) time.Duration { return t.LastSent }),
		span("lastrcv", "time since it received data", func(t *sock.TCPInfo) time.Duration { return t.LastReceived }),
	}
}

// tcpDetails reads TCP's facts, for all rows or for the object whose page is open.
func tcpDetails(t *proc.Tick, rows []*InetRow) {
	all := t.Wants(schema.Inet, NeedTCPInfo)
	if !t.Host.Live() || !all && t.Detail.Kind != schema.Inet {
		return
	}
	infos, err := t.Host.TCPInfos()
	t.Fault(string(schema.Inet), err)
	for _, r := range rows {
		if info, ok := infos[r.Cookie]; ok && r.Protocol == "tcp" && (all || t.Detail == r.Ref) {
			r.tcp = &info
		}
	}
}
