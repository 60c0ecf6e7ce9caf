package sock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// NetlinkSocket is an AF_NETLINK socket of a process (man 7 netlink).
type NetlinkSocket struct {
	Protocol uint8      // NETLINK_ROUTE, …: NetlinkProtocol names it
	Type     SocketType // 0 if the row comes from /proc
	Inode    uint64
	PortID   uint32   // its address, most often the pid of its maker; 0: not bound
	DstPort  uint32   // the connected port, 0: the kernel. Only with Diag
	Groups   []uint32 // its multicast groups, from 1 on; /proc has only the first 32
	RecvMem  uint32   // memory of unread messages, bytes
	RecvMax  uint32   // limit of RecvMem: SO_RCVBUF. Only with Diag
	SendMem  uint32   // memory of unsent messages, bytes
	Drops    uint32   // messages lost because the reader was too slow (ENOBUFS)
	Diag     bool     // the data comes from sock_diag, not from /proc/net
}

// include/uapi/linux/netlink_diag.h
const (
	netlinkDiagMsgSize                             = 28
	netlinkDiagProtoAll                            = 0xff
	netlinkShowMemInfo                             = 1
	netlinkShowGroups                              = 2
	netlinkDiagMemInfo                             = 0
	netlinkDiagGroups                              = 1
	skMemRecv, skMemRecvMax, skMemSend, skMemDrops = 0, 1, 2, 8 // SK_MEMINFO_*, include/uapi/linux/sock_diag.h
)

// NetlinkSockets lists the netlink sockets of every user in the thread's network namespace. It leaves out the
// kernel's own ends. Without sock_diag, and on a file tree, it reads /proc/net/netlink.
func NetlinkSockets(root sys.Root) ([]NetlinkSocket, error) {
	if root.Live() {
		if rows, err := diagNetlinkSockets(); err == nil {
			return rows, nil
		}
	}
	return readNet(root, "netlink", parseProcNetlinkLine)
}

// diagNetlinkSockets leaves out its own socket.
func diagNetlinkSockets() ([]NetlinkSocket, error) {
	c, err := openDiag()
	if err != nil {
		return nil, err
	}
	defer c.close()
	var rows []NetlinkSocket
	if err := c.dump(socketRequest(unix.AF_NETLINK, netlinkDiagProtoAll, netlinkShowMemInfo|netlinkShowGroups),
		func(b []byte) {
			if s, ok := parseNetlinkDiag(b); ok {
				rows = append(rows, s)
			}
		}); err != nil {
		return nil, err
	}
	// The kernel lists a listener of a group twice: the second time with the groups of its protocol
	// (__netlink_diag_dump, net/netlink/diag.c).
	seen := make(map[uint64]bool, len(rows))
	rows = slices.DeleteFunc(rows, func(s NetlinkSocket) bool {
		again := seen[s.Inode]
		seen[s.Inode] = true
		return again
	})
	self, err := unix.Getsockname(c.fd)
	if own, ok := self.(*unix.SockaddrNetlink); err == nil && ok {
		rows = slices.DeleteFunc(rows,
			func(s NetlinkSocket) bool { return s.Protocol == unix.NETLINK_SOCK_DIAG && s.PortID == own.Pid })
	}
	return rows, nil
}

// socketRequest is struct netlink_diag_req. packet_diag_req has the same layout.
func socketRequest(family, protocol uint8, show uint32) []byte {
	b := make([]byte, 20)
	b[0], b[1] = family, protocol
	binary.NativeEndian.PutUint32(b[8:], show)
	return b
}

// diagDump lists the sockets of a request. ok of parse is true if a payload is a socket.
func diagDump[T any](request []byte, parse func([]byte) (T, bool)) ([]T, error) {
	c, err := openDiag()
	if err != nil {
		return nil, err
	}
	defer c.close()
	var rows []T
	err = c.dump(request, func(b []byte) {
		if s, ok := parse(b); ok {
			rows = append(rows, s)
		}
	})
	return rows, err
}

// readNet reads a table of /proc/net with one heading. If the file is missing, the kernel has no such sockets.
func readNet[T any](root sys.Root, name string, line func(*scan.Fields) (T, bool)) ([]T, error) {
	path := netFile(root, name)
	data, err := root.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	rows, err := parseNet(data, line)
	if err != nil {
		return rows, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}

// parseNet reads all lines. It leaves out lines that do not parse; the error names the first.
func parseNet[T any](data []byte, line func(*scan.Fields) (T, bool)) ([]T, error) {
	var rows []T
	var failed error
	number := 0
	for text := range bytes.Lines(data) {
		if number++; number == 1 {
			continue
		}
		f := scan.Fields{Rest: text}
		row, ok := line(&f)
		switch {
		case f.Bad:
			failed = firstError(failed, fmt.Errorf("line %d is malformed", number))
		case ok:
			rows = append(rows, row)
		}
	}
	return rows, failed
}

// parseNetlinkDiag reads struct netlink_diag_msg and its attributes. ok is false for a shorter payload, and for the
// kernel's own ends.
func parseNetlinkDiag(b []byte) (NetlinkSocket, bool) {
	if len(b) < netlinkDiagMsgSize {
		return NetlinkSocket{}, false
	}
	s := NetlinkSocket{
		Type: SocketType(b[1]), Protocol: b[2], Diag: true,
		PortID:  binary.NativeEndian.Uint32(b[4:]),
		DstPort: binary.NativeEndian.Uint32(b[8:]),
		Inode:   uint64(binary.NativeEndian.Uint32(b[16:])),
	}
	for kind, data := range netlinkAttrs(b[netlinkDiagMsgSize:]) {
		switch {
		case kind == netlinkDiagMemInfo:
			s.RecvMem, s.RecvMax = skMem(data, skMemRecv), skMem(data, skMemRecvMax)
			s.SendMem, s.Drops = skMem(data, skMemSend), skMem(data, skMemDrops)
		case kind == netlinkDiagGroups:
			s.Groups = netlinkGroups(data)
		}
	}
	return s, s.Inode != 0 && s.PortID != 0
}

// skMem is one number of struct sk_meminfo; 0 if the kernel has fewer numbers.
func skMem(data []byte, n int) uint32 {
	if len(data) < 4*(n+1) {
		return 0
	}
	return binary.NativeEndian.Uint32(data[4*n:])
}

// netlinkGroups reads a bitmap of longs. Its lowest bit is group 1.
func netlinkGroups(data []byte) []uint32 {
	var groups []uint32
	for word := 0; word+8 <= len(data); word += 8 {
		bits := binary.NativeEndian.Uint64(data[word:])
		for i := range 64 {
			if bits>>i&1 != 0 {
				groups = append(groups, uint32(word*8+i+1))
			}
		}
	}
	return groups
}

// parseProcNetlinkLine reads "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode" (net/netlink/af_netlink.c,
// netlink_native_seq_show).
func parseProcNetlinkLine(f *scan.Fields) (NetlinkSocket, bool) {
	f.Skip(1)
	s := NetlinkSocket{Protocol: uint8(f.Uint()), PortID: uint32(f.Int())}
	groups := f.Hex()
	for i := range 32 {
		if groups>>i&1 != 0 {
			s.Groups = append(s.Groups, uint32(i+1))
		}
	}
	s.RecvMem, s.SendMem = uint32(f.Int()), uint32(f.Int())
	f.Skip(2)
	s.Drops, s.Inode = uint32(f.Uint()), f.Uint()
	return s, s.Inode != 0 && s.PortID != 0
}

// NetlinkProtocol is ss's word for a netlink protocol (include/uapi/linux/netlink.h); "" for a protocol without a
// name.
func NetlinkProtocol(n uint8) string {
	names := [...]string{
		unix.NETLINK_ROUTE: "route", unix.NETLINK_USERSOCK: "usersock", unix.NETLINK_FIREWALL: "firewall",
		unix.NETLINK_SOCK_DIAG: "sock_diag",
		unix.NETLINK_NFLOG:     "nflog", unix.NETLINK_XFRM: "xfrm", unix.NETLINK_SELINUX: "selinux",
		unix.NETLINK_ISCSI: "iscsi",
		unix.NETLINK_AUDIT: "audit", unix.NETLINK_FIB_LOOKUP: "fib_lookup", unix.NETLINK_CONNECTOR: "connector",
		unix.NETLINK_NETFILTER: "netfilter",
		unix.NETLINK_IP6_FW:    "ip6_fw", unix.NETLINK_DNRTMSG: "dnrtmsg",
		unix.NETLINK_KOBJECT_UEVENT: "kobject_uevent",
		unix.NETLINK_GENERIC:        "generic",
		unix.NETLINK_SCSITRANSPORT:  "scsitransport", unix.NETLINK_ECRYPTFS: "ecryptfs", unix.NETLINK_RDMA: "rdma",
		unix.NETLINK_CRYPTO: "crypto",
		unix.NETLINK_SMC:    "smc",
	}
	if int(n) < len(names) {
		return names[n]
	}
	return ""
}
