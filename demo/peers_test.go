package demo_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/schema"
)

// tool is the path of a program that sees the same objects. It fails the test as root, and skips it otherwise, if the
// program is missing.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Geteuid() == 0 {
		t.Fatalf("%s is missing: install %s", name, pkg)
	}
	if err != nil {
		t.Skipf("needs %s (%s)", name, pkg)
	}
	return path
}

// run returns the output of a program and its pid. The output goes to a file, because the program would list a pipe.
func run(t *testing.T, path string, args ...string) (output string, pid int) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	text, readErr := os.ReadFile(out.Name())
	if err != nil || readErr != nil {
		t.Fatalf("%s: %v, %v\n%s", cmd, err, readErr, text)
	}
	return string(text), cmd.Process.Pid
}

// agree compares two views until they are the same. Bytes may be on their way, and a process may not sleep yet.
func agree[T any](t *testing.T, theirs, ours func() map[string]T) {
	t.Helper()
	kerneltest.EventuallySame(t, func() string {
		want, got := theirs(), ours()
		diff := cmp.Diff(want, got)
		if diff == "" && len(got) > 0 {
			return ""
		}
		return fmt.Sprintf("%d and %d objects, -theirs +ipctop\n%s", len(want), len(got), diff)
	})
}

// rows takes a snapshot and visits each object of these kinds, with a getter for its columns.
func rows(t *testing.T, each func(o *schema.Object, cell func(id string) schema.Value), kinds ...schema.Kind) {
	t.Helper()
	columns, want := map[schema.Kind][]schema.Column{}, map[schema.Kind]schema.Need{}
	for _, m := range collect.Mechanisms() {
		if slices.Contains(kinds, m.Kind) {
			columns[m.Kind], want[m.Kind] = m.Columns, m.Needs|m.Relates
		}
	}
	snapshot := collect.New(host(t), time.Now).Take(collect.Request{Want: want, Edges: true})
	for _, f := range snapshot.Faults {
		t.Errorf("fault: %+v", f)
	}
	for _, kind := range kinds {
		for _, o := range snapshot.Objects[kind] {
			each(o, func(id string) schema.Value {
				i := slices.IndexFunc(columns[kind], func(c schema.Column) bool { return c.ID == id })
				if i < 0 {
					return schema.None(schema.TypeString)
				}
				return columns[kind][i].Get(o)
			})
		}
	}
}

// peerSocket is a socket in the output of ss.
type peerSocket struct {
	State        string
	RecvQ, SendQ int64
	Local, Peer  string // of a UNIX socket: its name, and the inode of the other end
	Inode        int64
	Groups       uint64   // of netlink
	Holders      []string // "pid/fd"
}

var (
	ssUnix    = regexp.MustCompile(`^u_(?:str|dgr|seq) +(\S+) +(\d+) +(\d+) +(.*) (\d+) +\* (\d+)( .*|)$`)
	ssInet    = regexp.MustCompile(`^(tcp|udp|raw) +(\S+) +(\d+) +(\d+) +(\S+) +(\S+)( .*|)$`)
	ssPacket  = regexp.MustCompile(`^p_(?:dgr|raw) +UNCONN +(\d+) +(\d+) +(\S+):(\S+) +\*( .*)$`)
	ssNetlink = regexp.MustCompile(`^UNCONN +(\d+) +(\d+) +(\d+):(\d+) +\* .*groups=0x([0-9a-f]+)`)
	ssHolder  = regexp.MustCompile(`pid=(\d+),fd=(\d+)`)
	ssInode   = regexp.MustCompile(` ino:(\d+)`)
)

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ssSockets parses the lines of ss. ss has other words for some facts:
//
//	no name is "*", no address is "0.0.0.0:*" or "[::]:*"; here both are ""
//	a raw socket has no inode if the kernel has no raw_diag, because ss then reads /proc/net/raw
//	a packet socket is always UNCONN, because its protocol has no states; a flag shows whether it gets frames
//	the ethertype of a packet socket is a number without /etc/ethertypes, and "*" for all
func ssSockets(t *testing.T, ss string) map[string]peerSocket {
	t.Helper()
	all := map[string]peerSocket{}
	text, _ := run(t, ss, "-HOanpe", "-x", "-t", "-u", "-w", "-0")
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		var s peerSocket
		var rest, key string
		if m := ssUnix.FindStringSubmatch(line); m != nil {
			s = peerSocket{State: m[1], RecvQ: number(t, m[2]), SendQ: number(t, m[3]), Local: m[4], Peer: m[6],
				Inode: number(t, m[5])}
			key, rest = "unix:"+m[5], m[7]
		} else if m := ssInet.FindStringSubmatch(line); m != nil {
			s = peerSocket{State: m[2], RecvQ: number(t, m[3]), SendQ: number(t, m[4]), Local: m[5], Peer: m[6]}
			rest = m[7]
			if strings.HasSuffix(s.Peer, ":*") {
				s.Peer = ""
			}
			key = m[1] + " " + s.Local + " " + s.Peer
		} else if m := ssPacket.FindStringSubmatch(line); m != nil {
			s = peerSocket{State: "stopped", RecvQ: number(t, m[1]), SendQ: number(t, m[2]),
				Local: etherWord(m[3]) + " " + strings.Trim(m[4], "*")}
			rest = m[5]
			if strings.Contains(rest, " running ") {
				s.State = "running"
			}
			key = "packet:" + ssInode.FindStringSubmatch(rest)[1]
		} else {
			t.Fatalf("cannot read ss's %q", line)
		}
		// for a UNIX socket this is the inode of its path
		if m := ssInode.FindStringSubmatch(rest); m != nil && !strings.HasPrefix(key, "unix") && !strings.HasPrefix(key,
			"raw") {
			s.Inode = number(t, m[1])
		}
		if s.Local == "*" {
			s.Local = ""
		}
		for _, m := range ssHolder.FindAllStringSubmatch(rest, -1) {
			s.Holders = append(s.Holders, m[1]+"/"+m[2])
		}
		slices.Sort(s.Holders)
		all[key] = s
	}
	ssNetlinkSockets(t, ss, all)
	return all
}

// ssNetlinkSockets adds the netlink sockets.
//
//	ss lists a socket with groups twice, like the kernel's dump (__netlink_diag_dump, net/netlink/diag.c)
//	ss shows no inode and no process
//	port 0 is the kernel's own end: no process has it, and ipctop leaves it out
//	protocol 4 is sock_diag: both tools ask by such a socket, and each sees its own
func ssNetlinkSockets(t *testing.T, ss string, all map[string]peerSocket) {
	t.Helper()
	text, _ := run(t, ss, "-HOane", "-A", "netlink")
	for line := range strings.Lines(text) {
		m := ssNetlink.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("cannot read ss's %q", line)
		}
		groups, err := strconv.ParseUint(m[5], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if m[3] != strconv.Itoa(unix.NETLINK_SOCK_DIAG) && m[4] != "0" {
			all["netlink:"+m[3]+":"+m[4]] = peerSocket{RecvQ: number(t, m[1]), SendQ: number(t, m[2]), Groups: groups}
		}
	}
}

// etherWord is the name of an ethertype for which ss shows a number.
func etherWord(text string) string {
	if text == "*" {
		return "all"
	}
	n, err := strconv.Atoi(strings.Trim(text, "[]"))
	if err != nil {
		return text
	}
	return sock.EtherType(uint16(n))
}

// ourSockets are the sockets in a snapshot of ipctop, in the words of ssSockets. ss shows a NUL in an abstract name as
// @.
func ourSockets(t *testing.T) map[string]peerSocket {
	t.Helper()
	all := map[string]peerSocket{}
	protocols := map[string]int{}
	for n := range 32 {
		protocols[sock.NetlinkProtocol(uint8(n))] = n
	}
	rows(t, func(o *schema.Object, cell func(string) schema.Value) {
		s := peerSocket{State: cell("state").Str(), RecvQ: cell("recvq").Int(), SendQ: cell("sendq").Int(),
			Inode: cell("inode").Int()}
		for _, e := range cell("holders").Endpoints() {
			s.Holders = append(s.Holders, fmt.Sprintf("%d/%d", e.PID, e.FD))
		}
		slices.Sort(s.Holders)
		key := fmt.Sprintf("%s:%d", o.Ref.Kind, s.Inode)
		switch o.Ref.Kind {
		case schema.Unix:
			s.Local, s.Peer = strings.ReplaceAll(cell("path").Str(), "\x00", "@"),
				strconv.FormatUint(cell("peer").Ref().ID, 10)
		case schema.Inet:
			s.Local, s.Peer = cell("local").Str(), cell("peer").Str()
			key = cell("proto").Str() + " " + s.Local + " " + s.Peer
			if cell("proto").Str() == "raw" {
				s.Inode = 0
			}
		case schema.Packet:
			s.Local = cell("proto").Str() + " " + cell("device").Str()
		case schema.Netlink:
			protocol, ok := protocols[cell("proto").Str()]
			if !ok {
				protocol, _ = strconv.Atoi(cell("proto").Str())
			}
			if protocol == unix.NETLINK_SOCK_DIAG {
				return
			}
			key = fmt.Sprintf("netlink:%d:%d", protocol, cell("port").Int())
			s.Inode, s.Holders = 0, nil
			for _, g := range cell("groups").List() {
				s.Groups |= 1 << (number(t, g) - 1)
			}
		}
		all[key] = s
	}, schema.Unix, schema.Inet, schema.Packet, schema.Netlink)
	return all
}

// The sockets are those of the demo and some more: hostile names, connections that nobody accepts, raw, packet and
// netlink sockets.
func TestSocketsAgainstSs(t *testing.T) {
	ss := tool(t, "ss", "iproute2")
	kerneltest.InNamespace(t, func() {
		start(t)
		bound := func(fd int, addr unix.Sockaddr) {
			if err := unix.Bind(fd, addr); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(shortDir(t), "two  blanks")
		for _, name := range []string{path, "@ab\x00strac t"} {
			listener := kerneltest.Listener(t, unix.AF_UNIX, &unix.SockaddrUnix{Name: name}, 3)
			if name == path {
				kerneltest.Connect(t, unix.AF_UNIX, unix.SOCK_STREAM, listener) // not accepted
			}
		}
		kerneltest.SocketPair(t, unix.SOCK_SEQPACKET)
		for family, addr := range map[int]unix.Sockaddr{
			unix.AF_INET:  &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}},
			unix.AF_INET6: &unix.SockaddrInet6{Addr: [16]byte{15: 1}},
		} {
			listener := kerneltest.Listener(t, family, addr, 3)
			kerneltest.Connect(t, family, unix.SOCK_STREAM, listener) // not accepted
		}
		bound(kerneltest.Socket(t, unix.AF_INET6, unix.SOCK_DGRAM, 0), &unix.SockaddrInet6{})
		kerneltest.Socket(t, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
		kerneltest.Socket(t, unix.AF_PACKET, unix.SOCK_RAW, unix.ETH_P_ALL<<8)
		arp := uint16(unix.ETH_P_ARP<<8&0xffff | unix.ETH_P_ARP>>8) // htons
		bound(kerneltest.Socket(t, unix.AF_PACKET, unix.SOCK_DGRAM, int(arp)),
			&unix.SockaddrLinklayer{Protocol: arp, Ifindex: 1})
		bound(kerneltest.Socket(t, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE),
			&unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: 4711, Groups: 5})
		agree(t, func() map[string]peerSocket { return ssSockets(t, ss) },
			func() map[string]peerSocket { return ourSockets(t) })
	}, unix.CLONE_NEWNET)
}
