package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// message builds a netlink message in the kernel's format.
func message(kind uint16, seq uint32, data []byte) []byte {
	b := make([]byte, nlmsgHeader, nlmsgHeader+align4(len(data)))
	binary.NativeEndian.PutUint32(b, uint32(nlmsgHeader+len(data)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint32(b[8:], seq)
	b = append(b, data...)
	return append(b, make([]byte, align4(len(data))-len(data))...)
}

func attr(kind uint16, data string) []byte {
	b := make([]byte, nlattrHeader)
	binary.NativeEndian.PutUint16(b, uint16(nlattrHeader+len(data)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	b = append(b, data...)
	return append(b, make([]byte, align4(len(data))-len(data))...)
}

func errnoBytes(errno unix.Errno) []byte {
	return binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
}

func TestDiagAnswer(t *testing.T) {
	row := message(unix.SOCK_DIAG_BY_FAMILY, 7, []byte("row 1"))
	late := message(unix.SOCK_DIAG_BY_FAMILY, 6, []byte("of an earlier dump"))
	for _, test := range []struct {
		name  string
		bytes [][]byte
		rows  []string
		done  bool
		err   error
	}{
		{"rows, more to come", [][]byte{row, row}, []string{"row 1", "row 1"}, false, nil},
		{"end", [][]byte{row, message(unix.NLMSG_DONE, 7, errnoBytes(0))}, []string{"row 1"}, true, nil},
		{"no such module", [][]byte{message(unix.NLMSG_DONE, 7, errnoBytes(unix.ENOENT))}, nil, true, unix.ENOENT},
		{"refused", [][]byte{message(unix.NLMSG_ERROR, 7, errnoBytes(unix.EPERM))}, nil, true, unix.EPERM},
		{"earlier dump", [][]byte{late, row}, []string{"row 1"}, false, nil},
		{"cut off", [][]byte{row, row[:20]}, []string{"row 1"}, false, errShortMessage},
		{"half a header", [][]byte{row, row[:9]}, []string{"row 1"}, false, errShortMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			var datagram []byte
			for _, b := range test.bytes {
				datagram = append(datagram, b...)
			}
			var rows []string
			done, err := diagAnswer(datagram, 7, func(b []byte) { rows = append(rows, string(b)) })
			if diff := gocmp.Diff(test.rows, rows); diff != "" {
				t.Error(diff)
			}
			if done != test.done || !errors.Is(err, test.err) {
				t.Errorf("done %v, error %v; want %v, %v", done, err, test.done, test.err)
			}
		})
	}
}

func TestNetlinkAttrs(t *testing.T) {
	b := append(attr(3, "abcde"), attr(4|0x8000, "")...)
	b = append(b, 200, 0, 5, 0) // its length says 200 bytes, it has 4
	var got []string
	for kind, data := range netlinkAttrs(b) {
		got = append(got, fmt.Sprintf("%d %q", kind, data))
	}
	if diff := gocmp.Diff([]string{`3 "abcde"`, `4 ""`}, got); diff != "" {
		t.Error(diff)
	}
}

// /proc/net/unix of a Debian machine, with some difficult names.
const procUnix = "Num       RefCount Protocol Flags    Type St Inode Path\n" +
	"00000000343c4ab0: 00000002 00000000 00010000 0001 01 26535 /run/a file/x y \n" +
	"000000001647cfd0: 00000003 00000000 00000000 0001 03  1592\n" +
	"0000000000000000: 00000002 00000000 00000000 0002 01    17 @/tmp/.X11@@0\n" +
	"0000000000000000: 00000002 00000000 00010000 0005 01 26536 @\n" +
	"0000000000000000: 00000003 00000000 00000000 0001 02     0 /run/a file/x y \n" +
	"0000000000000000: 00000002 00000000 00000000 0002 01 26537 /tmp/line\none more: \x1b[2J\n" +
	"0000000000000000: 00000002 00000000 00000000 0001 01 4294967295\n"

func TestParseProcUnix(t *testing.T) {
	got, err := parseProcUnix([]byte(procUnix))
	kerneltest.OK(t, err)
	want := []UnixSocket{
		{Type: SocketStream, State: SocketListen, Inode: 26535, Naming: UnixPath, Name: "/run/a file/x y "},
		{Type: SocketStream, State: SocketEstablished, Inode: 1592},
		{Type: SocketDgram, State: SocketClosed, Inode: 17, Naming: UnixAbstract, Name: "/tmp/.X11@@0"},
		{Type: SocketSeqpacket, State: SocketListen, Inode: 26536, Naming: UnixAbstract},
		{Type: SocketDgram, State: SocketClosed, Inode: 26537, Naming: UnixPath, Name: "/tmp/line\none more: \x1b[2J"},
		{Type: SocketStream, State: SocketClosed, Inode: 4294967295},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = parseProcUnix([]byte(procUnix[:len(procUnix)-3]))
	if err == nil {
		t.Error("a file without its end is read as if it were whole")
	}
	if diff := gocmp.Diff(want[:5], got); diff != "" {
		t.Error(diff)
	}
}

const procTCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout " +
	"inode                                                     \n" +
	"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 26700 1 " +
	"00000000c7e0a2b1 100 0 0 10 0                     \n" +
	"   1: 0100007F:D3F2 0101A8C0:0050 01 00000008:00000000 01:00000019 00000002     0        0 26701 2 " +
	"0000000000000000 20 4 30 10 -1                    \n" +
	"   2: 0100007F:D3F4 0100007F:1F90 06 00000000:00000000 03:00000A5B 00000000     0        0 0 3 " +
	"0000000000000000                                      \n"

const procTCP6 = "  sl  local_address                         remote_address                        st tx_queue " +
	"rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
	"   0: 0000000000000000FFFF00000100007F:0016 B80D0120000000000000000001000000:C350 08 00000000:00000001 " +
	"00:00000000 00000000     0        0 9 1 0000000000000000 20 4 30 10 -1\n"

func TestParseProcInet(t *testing.T) {
	tcp, tcp6 := inetTable{protocol: "tcp"}, inetTable{protocol: "tcp", v6: true}
	got, err := parseProcInet([]byte(procTCP), tcp)
	kerneltest.OK(t, err)
	got6, err := parseProcInet([]byte(procTCP6), tcp6)
	kerneltest.OK(t, err)
	at := netip.MustParseAddrPort
	want := []InetSocket{
		{Protocol: "tcp", State: SocketListen, Inode: 26700, Local: at("127.0.0.1:8080"), Remote: at("0.0.0.0:0"),
			RecvQueue: 3, UID: 1000},
		{Protocol: "tcp", State: SocketEstablished, Inode: 26701, Local: at("127.0.0.1:54258"),
			Remote:    at("192.168.1.1:80"),
			SendQueue: 8, Timer: TimerRetransmit, TimerMS: 250, Retrans: 2},
		{Protocol: "tcp", State: SocketTimeWait, Local: at("127.0.0.1:54260"), Remote: at("127.0.0.1:8080"),
			Timer: TimerTimeWait, TimerMS: 26510},
		{Protocol: "tcp", V6: true, State: SocketCloseWait, Inode: 9, Local: at("[::ffff:127.0.0.1]:22"),
			Remote: at("[2001:db8::1]:50000"), RecvQueue: 1},
	}
	if diff := gocmp.Diff(want, append(got, got6...), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Error(diff)
	}
	for name, text := range map[string]string{"cut off": procTCP[:len(procTCP)-20],
		"malformed": procTCP + "   3: 01:02\n"} {
		rows, err := parseProcInet([]byte(text), tcp)
		if err == nil || len(rows) < 2 || len(rows) > 3 {
			t.Errorf("%s: %d rows and error %v, want the good rows and an error", name, len(rows), err)
		}
	}
}

func TestSocketsOfAnEmptyTree(t *testing.T) {
	h := procNetTree(t)
	if rows, err := InetSockets(h, 0); len(rows) != 0 || err != nil {
		t.Errorf("inet: %v, %v: a kernel may have no such protocol", rows, err)
	}
	if rows, err := UnixSockets(h); len(rows) != 0 || !sys.Gone(err) {
		t.Errorf("unix: %v, %v: every machine has unix sockets, so it is an error", rows, err)
	}
}

func FuzzDiagAnswer(f *testing.F) {
	f.Add(message(unix.SOCK_DIAG_BY_FAMILY, 1, append(make([]byte, inetDiagMsgSize), attr(inetDiagV6Only, "\x01")...)))
	f.Add(message(unix.SOCK_DIAG_BY_FAMILY, 1,
		append(make([]byte, unixDiagMsgSize), attr(unixDiagName, "\x00a\x00b")...)))
	f.Add(message(unix.SOCK_DIAG_BY_FAMILY, 1,
		append(make([]byte, unixDiagMsgSize), attr(unixDiagIcons, "\x01\x00\x00\x00\x00")...)))
	f.Add(message(unix.NLMSG_DONE, 1, errnoBytes(unix.ENOENT)))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows := 0
		_, err := diagAnswer(b, 1, func(data []byte) {
			rows++
			_, isUnix := parseUnixDiag(data)
			_, isInet := parseInetDiag(data)
			if isUnix != (len(data) >= unixDiagMsgSize) || isInet != (len(data) >= inetDiagMsgSize) {
				t.Errorf("%d bytes: unix %v, inet %v", len(data), isUnix, isInet)
			}
		})
		if len(b) > 0 && len(b) < nlmsgHeader && (err == nil || rows > 0) {
			t.Errorf("%d bytes give %d rows and error %v", len(b), rows, err)
		}
	})
}

func TestParseProtocols(t *testing.T) {
	got := parseProtocols([]byte("protocol  size sockets  memory press maxhdr  slab module     cl co\n" +
		"MPTCPv6   2048      0       2   no       0   yes  kernel      y\n UDP-Lite   1216  12 x\n\nshort 1\n"))
	if diff := gocmp.Diff(map[string]int{"MPTCPv6": 0, "UDP-Lite": 12}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParseProcUnix(f *testing.F) {
	f.Add([]byte(procUnix))
	f.Add([]byte(procUnix[:len(procUnix)-3]))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, _ := parseProcUnix(b)
		for _, s := range rows {
			if s.Inode == 0 || s.Diag {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzParseProcInet(f *testing.F) {
	f.Add([]byte(procTCP), false)
	f.Add([]byte(procTCP6), true)
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		rows, _ := parseProcInet(b, inetTable{protocol: "tcp", number: unix.IPPROTO_TCP, v6: v6, file: "tcp"})
		for _, s := range rows {
			if s.Local.Addr().Is4() == v6 || s.Remote.Addr().Is4() == v6 {
				t.Errorf("v6 %v: %+v", v6, s)
			}
		}
	})
}
