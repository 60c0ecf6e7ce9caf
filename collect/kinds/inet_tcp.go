package kinds

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// inetOnDemand lists the columns that need an extension of sock_diag for each TCP socket.
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
	ext := func(id string, typ schema.Type, width int, need schema.Need, help string, known func(*row) bool,
		get func(*row) schema.Value) schema.Column {
		return schema.Col(id, typ, width, SocketNeeds|need, help, func(r *row) schema.Value {
			switch {
			case !r.Stream() || r.Listens() || r.State == sock.SocketTimeWait:
				return schema.None(typ)
			case !known(r):
				return schema.Uncollected(typ)
			}
			return get(r)
		})
	}
	col := func(id string, typ schema.Type, width int, help string,
		get func(*sock.TCPInfo) schema.Value) schema.Column {
		return ext(id, typ, width, NeedTCPInfo, help, func(r *row) bool { return r.TCP != nil },
			func(r *row) schema.Value { return get(r.TCP) })
	}
	num := func(id, help string, get func(*sock.TCPInfo) uint32) schema.Column {
		return col(id, schema.TypeInt, 7, help, func(t *sock.TCPInfo) schema.Value { return schema.Int(int64(get(t))) })
	}
	span := func(id, help string, get func(*sock.TCPInfo) time.Duration) schema.Column {
		return col(id, schema.TypeDuration, 7, help,
			func(t *sock.TCPInfo) schema.Value { return schema.Duration(get(t)) })
	}
	size := func(id, help string, get func(*sock.TCPInfo) uint64) schema.Column {
		return col(id, schema.TypeBytes, 7, help, func(t *sock.TCPInfo) schema.Value { return schema.Bytes(get(t)) })
	}
	return []schema.Column{
		ext("cong", schema.TypeString, 6, NeedCongestion, "congestion control",
			func(r *row) bool { return r.Congestion != "" },
			func(r *row) schema.Value { return schema.String(r.Congestion) }),
		num("cwnd", "segments that may be on their way (congestion window)",
			func(t *sock.TCPInfo) uint32 { return t.CWnd }),
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

// extension is an extension of a sock_diag dump of TCP sockets, with the need of its columns.
type extension struct {
	need schema.Need
	ask  sock.Extensions
	drop func(*InetRow)
}

func extensions() []extension {
	return []extension{
		{NeedTCPInfo, sock.WithTCPInfo, func(r *InetRow) { r.TCP = nil }},
		{NeedCongestion, sock.WithCongestion, func(r *InetRow) { r.Congestion = "" }},
	}
}

// askTCP returns the extensions of the wanted columns. The page of a socket needs all of them.
func askTCP(t *proc.Tick) (with sock.Extensions) {
	for _, e := range extensions() {
		if t.Wants(schema.Inet, e.need) || t.Detail.Kind == schema.Inet {
			with |= e.ask
		}
	}
	return with
}

// dropUnasked clears the values in a row that were read only for another row's page.
func (r *InetRow) dropUnasked(t *proc.Tick) {
	for _, e := range extensions() {
		if !t.Wants(schema.Inet, e.need) && t.Detail != r.Ref {
			e.drop(r)
		}
	}
}
