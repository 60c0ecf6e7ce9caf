package collect

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// A connection has carried 5,000 bytes. The columns and the page show its details.
func TestTCPDetails(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		listener := kerneltest.Listener(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, 1)
		client := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, listener)
		server := kerneltest.Accept(t, listener)
		s.check(unix.SetsockoptInt(client, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
		s.check(unix.SetsockoptInt(client, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 600))
		_, err := unix.Write(client, bytes.Repeat([]byte("x"), 5000))
		s.check(err)
		congestion, err := unix.GetsockoptString(client, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		s.check(err)
		host, err := kernel.Open("")
		s.check(err)
		for _, page := range []bool{false, true} {
			req := Request{Want: map[schema.Kind]schema.Need{schema.Inet: kinds.SocketNeeds}}
			if page {
				req.Detail = s.ref(schema.Inet, client)
			} else {
				req.Want[schema.Inet] |= kinds.NeedTCPInfo | kinds.NeedCongestion
			}
			var got cells
			kerneltest.Eventually(t, "all is acknowledged", func() bool {
				rows, _ := table(New(host, time.Now).Take(req), schema.Inet)
				got = rows[s.ref(schema.Inet, client).String()]
				if v := rows[s.ref(schema.Inet, server).String()]["cwnd"]; page && v.State() != schema.NotCollected {
					t.Errorf("only one page is open, but the other end's window was read: %v", v)
				}
				if v, ok := rows[s.ref(schema.Inet, listener).String()]["cwnd"]; ok {
					t.Errorf("a listener has a window: %v", v)
				}
				return got["unacked"].Int() == 0 && got["timer"].IsKnown()
			})
			for _, id := range []string{"rtt", "rto", "minrtt"} {
				if d := got[id].Duration(); d <= 0 || d > time.Minute {
					t.Errorf("%s is %v", id, d)
				}
			}
			if d := got["expires"].Duration(); d < 500*time.Second || d > 600*time.Second {
				t.Errorf("the keepalive timer fires in %v, want about 10 minutes", d)
			}
			if got["cwnd"].Int() < 1 || got["mss"].Int() < 536 {
				t.Errorf("cwnd %v, mss %v", got["cwnd"], got["mss"])
			}
			kept := cells{}
			for _, id := range []string{"cong", "retrans_total", "unacked", "lost", "notsent", "bytes_acked",
				"bytes_received", "timer", "ssthresh"} {
				if v, ok := got[id]; ok {
					kept[id] = v
				}
			}
			num := func(n int64) schema.Value { return schema.Int(n) }
			want := cells{"cong": schema.String(congestion), "retrans_total": num(0), "unacked": num(0), "lost": num(0),
				"notsent":        schema.Bytes(0),
				"bytes_acked":    schema.Bytes(5001), // the SYN counts as one byte
				"bytes_received": schema.Bytes(0), "timer": schema.String("keepalive")}
			if diff := gocmp.Diff(want, kept); diff != "" {
				t.Errorf("page %v (-want +got):\n%s", page, diff)
			}
		}
	}, unix.CLONE_NEWNET)
}

// Descriptors that were sent over a socket and not received are in no table of a process.
func TestDescriptorsInFlight(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		from, to := kerneltest.SocketPair(t, unix.SOCK_STREAM)
		count := func(page bool) string {
			host, err := kernel.Open("")
			s.check(err)
			req := Request{Want: map[schema.Kind]schema.Need{schema.Unix: kinds.HolderNeeds}}
			if page {
				req.Detail = s.ref(schema.Unix, to)
			} else {
				req.Want[schema.Unix] |= kinds.NeedInFlight
			}
			rows, _ := table(New(host, time.Now).Take(req), schema.Unix)
			tell := func(fd int) string {
				if v := rows[s.ref(schema.Unix, fd).String()]["inflight"]; v.IsKnown() {
					return fmt.Sprint(v.Int())
				}
				return "?"
			}
			return tell(from) + " " + tell(to)
		}
		s.equalText("before", "0 0", count(false))
		s.check(unix.Sendmsg(from, []byte("x"), unix.UnixRights(from, to), nil, 0))
		s.equalText("two sent", "0 2", count(false))
		s.equalText("on the page", "? 2", count(true))
		oob := make([]byte, unix.CmsgSpace(8))
		_, n, _, _, err := unix.Recvmsg(to, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
		s.check(err)
		messages, err := unix.ParseSocketControlMessage(oob[:n])
		s.check(err)
		fds, err := unix.ParseUnixRights(&messages[0])
		s.check(err)
		for _, fd := range fds {
			unix.Close(fd)
		}
		s.equalText("received", "0 0", count(false))
	})
}

func (s *scene) equalText(what, want, got string) {
	s.Helper()
	if want != got {
		s.Errorf("%s: %q, want %q", what, got, want)
	}
}

// One column asks for one extension of sock_diag.
func TestOneExtension(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		listener := kerneltest.Listener(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, 1)
		client := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, listener)
		congestion, err := unix.GetsockoptString(client, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		s.check(err)
		host, err := kernel.Open("")
		s.check(err)
		rows, _ := table(New(host, time.Now).Take(Request{
			Want: map[schema.Kind]schema.Need{schema.Inet: kinds.NeedCongestion}}), schema.Inet)
		row := rows[s.ref(schema.Inet, client).String()]
		want := []schema.Value{schema.String(congestion), schema.Uncollected(schema.TypeDuration)}
		if diff := gocmp.Diff(want, []schema.Value{row["cong"], row["rtt"]}); diff != "" {
			t.Error(diff)
		}
	}, unix.CLONE_NEWNET)
}
