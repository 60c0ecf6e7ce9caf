package sock

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
)

// diagMessage is an inet_diag_msg with attributes.
func diagMessage(attrs map[uint16][]byte, order ...uint16) []byte {
	b := make([]byte, inetDiagMsgSize)
	binary.NativeEndian.PutUint32(b[44:], 7) // cookie
	for _, kind := range order {
		data := attrs[kind]
		b = binary.NativeEndian.AppendUint16(b, uint16(4+len(data)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = append(b, data...)
		b = append(b, make([]byte, align4(len(b))-len(b))...)
	}
	return b
}

func TestParseTCPInfo(t *testing.T) {
	info := make([]byte, 160)
	for at, n := range map[int]uint32{8: 204000, 16: 1448, 24: 2, 32: 1, 44: 12, 52: 3000, 68: 85, 72: 21,
		76: TCPInfinite,
		80: 10, 100: 4, 120: 5001, 128: 77, 144: 9, 148: 60} {
		binary.NativeEndian.PutUint32(info[at:], n)
	}
	whole := TCPInfo{RTO: 204 * time.Millisecond, RTT: 85 * time.Microsecond,
		RTTVar: 21 * time.Microsecond, MinRTT: 60 * time.Microsecond,
		MSS: 1448, CWnd: 10, SSThresh: TCPInfinite, Unacked: 2, Lost: 1, Retrans: 4, LastSent: 12 * time.Millisecond,
		LastReceived: 3 * time.Second,
		BytesAcked:   5001, BytesReceived: 77, NotSent: 9}
	old := whole // a kernel whose struct ends after total_retrans
	old.MinRTT, old.BytesAcked, old.BytesReceived, old.NotSent = 0, 0, 0, 0
	for name, c := range map[string]struct {
		data []byte
		want *TCPInfo
	}{
		"whole":     {info, &whole},
		"older":     {info[:104], &old},
		"truncated": {info[:103], nil},
	} {
		got, ok := parseInetDiag(diagMessage(map[uint16][]byte{inetDiagInfo: c.data,
			inetDiagCong: []byte("cubic\x00")}, inetDiagInfo, inetDiagCong))
		if diff := cmp.Diff(c.want, got.TCP); diff != "" || !ok || got.Cookie != 7 || got.Congestion != "cubic" {
			t.Errorf("%s: cookie %d, %q, ok %v (-want +got):\n%s", name, got.Cookie, got.Congestion, ok, diff)
		}
	}
	if _, ok := parseInetDiag(make([]byte, inetDiagMsgSize-1)); ok {
		t.Error("a cut message is taken for a socket")
	}
}

func TestSocketTimerWords(t *testing.T) {
	for timer, want := range map[SocketTimer]string{TimerOff: "", TimerRetransmit: "on", TimerKeepalive: "keepalive",
		TimerTimeWait: "timewait", TimerProbe: "persist", 9: "timer-9"} {
		if got := timer.String(); got != want {
			t.Errorf("%d: %q, want %q", timer, got, want)
		}
	}
}

func FuzzParseTCPInfo(f *testing.F) {
	f.Add(diagMessage(map[uint16][]byte{inetDiagInfo: make([]byte, 200)}, inetDiagInfo))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseInetDiag(b); ok && s.TCP != nil && s.TCP.RTO < 0 {
			t.Errorf("%+v", s.TCP)
		}
		fdinfo.ParseInFlight(b)
	})
}
