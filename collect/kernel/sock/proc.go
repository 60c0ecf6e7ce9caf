package sock

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// A kernel without sock_diag, and a file tree, have the sockets in /proc/net: with less data, and slower.

// netFile is a file of the calling thread's network namespace. /proc/net shows the namespace of the process's first
// thread.
func netFile(root sys.Root, name string) string {
	if root.Live() {
		return "/proc/thread-self/net/" + name
	}
	return "/proc/net/" + name
}

func procUnixSockets(root sys.Root) ([]UnixSocket, error) {
	path := netFile(root, "unix")
	data, err := root.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	rows, err := parseProcUnix(data)
	if err != nil {
		return rows, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}

func procInetSockets(root sys.Root, t inetTable) ([]InetSocket, error) {
	path := netFile(root, t.file)
	data, err := root.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	rows, err := parseProcInet(data, t)
	if err != nil {
		return rows, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}

// parseProcUnix reads /proc/net/unix (net/unix/af_unix.c, unix_seq_show). The kernel writes paths unchanged, so a
// path with a newline goes on in the next line. It leaves out rows without inode: no process has these sockets. It
// leaves out lines that do not parse; the error names the first.
func parseProcUnix(data []byte) ([]UnixSocket, error) {
	var rows []UnixSocket
	var failed error
	named := false // the row above has a name, and this line may belong to it
	for number := 1; len(data) > 0; number++ {
		line, rest, complete := bytes.Cut(data, []byte{'\n'})
		data = rest
		if number == 1 && bytes.HasPrefix(line, []byte("Num ")) {
			continue
		}
		s, ok := parseProcUnixLine(string(line))
		switch {
		case !complete:
			failed = firstError(failed, fmt.Errorf("line %d is cut off", number))
		case ok:
			rows = append(rows, s)
			named = s.Naming != UnixUnnamed
		case named:
			rows[len(rows)-1].Name += "\n" + string(line)
		default:
			failed = firstError(failed, fmt.Errorf("line %d is malformed", number))
		}
	}
	kept := rows[:0]
	for _, s := range rows {
		if s.Inode != 0 {
			kept = append(kept, s)
		}
	}
	return kept, failed
}

func firstError(first, err error) error {
	if first != nil {
		return first
	}
	return err
}

// parseProcUnixLine reads "ADDRESS: REFS PROTOCOL FLAGS TYPE STATE INODE[ NAME]". All numbers except the inode are
// hexadecimal.
func parseProcUnixLine(line string) (UnixSocket, bool) {
	address, rest, ok := strings.Cut(line, ": ")
	if _, err := strconv.ParseUint(address, 16, 64); !ok || err != nil {
		return UnixSocket{}, false
	}
	var field [5]uint64
	for i := range field {
		var word string
		if word, rest, ok = strings.Cut(rest, " "); !ok {
			return UnixSocket{}, false
		}
		v, err := strconv.ParseUint(word, 16, 32)
		if err != nil {
			return UnixSocket{}, false
		}
		field[i] = v
	}
	// Blanks pad the inode to 5 places. One blank separates it from the name. The name itself may start with blanks.
	word, name, hasName := strings.Cut(strings.TrimLeft(rest, " "), " ")
	inode, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return UnixSocket{}, false
	}
	s := UnixSocket{Type: SocketType(field[3]), State: SocketClosed, Inode: inode}
	const acceptCon, connecting, connected = 0x10000, 2, 3 // __SO_ACCEPTCON, SS_CONNECTING, SS_CONNECTED
	switch {
	case field[2]&acceptCon != 0:
		s.State = SocketListen
	case field[4] == connecting, field[4] == connected:
		s.State = SocketEstablished
	}
	switch {
	case !hasName || name == "":
	case name[0] == '@':
		s.Naming, s.Name = UnixAbstract, name[1:]
	default:
		s.Naming, s.Name = UnixPath, name
	}
	return s, true
}

// protocolCounts reads from /proc/net/protocols how many sockets of each protocol the network namespace has
// (net/core/sock.c, proto_seq_printf). It is nil if the file is unreadable.
func protocolCounts(root sys.Root) map[string]int {
	data, err := root.ReadFile(netFile(root, "protocols"))
	if err != nil {
		return nil
	}
	return parseProtocols(data)
}

// parseProtocols reads lines "NAME SIZE SOCKETS …". A name may have blanks before it, but not in it.
func parseProtocols(data []byte) map[string]int {
	counts := map[string]int{}
	for line := range bytes.Lines(data) {
		if word := bytes.Fields(line); len(word) > 2 {
			if n, err := strconv.Atoi(string(word[2])); err == nil {
				counts[string(word[0])] = n
			}
		}
	}
	return counts
}

// parseProcInet reads one of /proc/net/{tcp,udp,udplite,raw,icmp}{,6}, which share their first ten columns
// (net/ipv4/tcp_ipv4.c, get_tcp4_sock). It leaves out lines that do not parse; the error names the first.
func parseProcInet(data []byte, t inetTable) ([]InetSocket, error) {
	var rows []InetSocket
	var failed error
	for number := 1; len(data) > 0; number++ {
		line, rest, complete := bytes.Cut(data, []byte{'\n'})
		data = rest
		if number == 1 && bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("sl ")) {
			continue
		}
		s, ok := parseProcInetLine(string(line), t)
		switch {
		case !complete:
			failed = firstError(failed, fmt.Errorf("line %d is cut off", number))
		case !ok:
			failed = firstError(failed, fmt.Errorf("line %d is malformed", number))
		default:
			rows = append(rows, s)
		}
	}
	return rows, failed
}

// parseProcInetLine reads "SL: LOCAL REMOTE ST TX:RX TR:WHEN RETRNSMT UID TIMEOUT INODE …".
func parseProcInetLine(line string, t inetTable) (InetSocket, bool) {
	word := strings.Fields(line)
	if len(word) < 10 {
		return InetSocket{}, false
	}
	var bad bool
	number := func(text string, base int) uint64 {
		v, err := strconv.ParseUint(text, base, 64)
		bad = bad || err != nil
		return v
	}
	pair := func(text string) (uint32, uint32) {
		a, b, ok := strings.Cut(text, ":")
		bad = bad || !ok
		return uint32(number(a, 16)), uint32(number(b, 16))
	}
	s := InetSocket{Protocol: t.protocol, V6: t.v6}
	var localOK, remoteOK bool
	s.Local, localOK = procAddr(word[1], t.v6)
	s.Remote, remoteOK = procAddr(word[2], t.v6)
	s.State = SocketState(number(word[3], 16))
	s.SendQueue, s.RecvQueue = pair(word[4])
	timer, ticks := pair(word[5])
	s.Timer, s.TimerMS = SocketTimer(timer), ticks*10 // in USER_HZ, which is 100 on amd64 and arm64
	s.Retrans = uint32(number(word[6], 16))
	s.UID = uint32(number(word[7], 10))
	s.Inode = number(word[9], 10)
	return s, localOK && remoteOK && !bad
}

// procAddr reads "0100007F:1F90". The kernel prints each 32 bits of the address as a number in its own byte order,
// which is little-endian here. It prints the port as a number.
func procAddr(text string, v6 bool) (netip.AddrPort, bool) {
	address, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	p, portErr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || portErr != nil || len(raw) != 4 && len(raw) != 16 || v6 != (len(raw) == 16) {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.LittleEndian.Uint32(raw[i:]))
	}
	a, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a, uint16(p)), true
}
