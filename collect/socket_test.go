package collect

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/schema"
)

// cells are the columns of an object that are not empty.
type cells map[string]schema.Value

// scene makes sockets and reads them back.
type scene struct {
	testing.TB
	self schema.Endpoint
}

func newScene(tb testing.TB) *scene {
	tb.Helper()
	s := &scene{TB: tb}
	snap := s.take(schema.Proc)
	for _, o := range snap.Objects[schema.Proc] {
		if p := o.Row.(*kinds.ProcRow); p.PID == os.Getpid() {
			s.self = schema.Endpoint{PID: p.PID, Comm: p.Comm, Start: p.Start}
			return s
		}
	}
	tb.Fatal("the test is not among the processes")
	return nil
}

func (s *scene) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) socket(family, kind, protocol int) int {
	return kerneltest.Socket(s, family, kind, protocol)
}
func (s *scene) inode(fd int) uint64 { return kerneltest.Inode(s, fd) }

// take collects kinds with all their columns and edges.
func (s *scene) take(kinds ...schema.Kind) *Snapshot {
	s.Helper()
	h, err := kernel.Open("")
	s.check(err)
	req := Request{Want: map[schema.Kind]schema.Need{}, Edges: true}
	for _, m := range Mechanisms() {
		if slices.Contains(kinds, m.Kind) {
			for _, c := range m.Columns {
				req.Want[m.Kind] |= c.Needs &^ leaks.NeedPaths // this need lists files of the whole machine
			}
		}
	}
	snap := New(h, time.Now).Take(req)
	if os.Geteuid() == 0 && len(snap.Faults) > 0 {
		s.Errorf("faults: %+v", snap.Faults)
	}
	return snap
}

// table returns the cells of the objects by Ref, and their edges in words.
func table(snap *Snapshot, kind schema.Kind) (map[string]cells, []string) {
	rows := map[string]cells{}
	for _, m := range Mechanisms() {
		if m.Kind != kind {
			continue
		}
		for _, o := range snap.Objects[kind] {
			row := cells{}
			for _, c := range m.Columns {
				if v := c.Get(o); v.State() != schema.Absent && !ownTests(kind, c.ID) {
					row[c.ID] = v
				}
			}
			rows[o.Ref.String()] = row
		}
	}
	var edges []string
	for _, e := range snap.Edges {
		if e.From.Kind == kind || e.To.Kind == kind {
			edges = append(edges,
				strings.Join([]string{e.From.String(), string(e.Rel), e.To.String(), e.Via.String(), string(e.Proof)},
					" "))
		}
	}
	slices.Sort(edges)
	return rows, edges
}

// ownTests reports true if a column of a kind has its own tests. The other tests leave it out.
func ownTests(kind schema.Kind, column string) bool {
	if column == "undo" || kind == schema.Sem && column == "holders" {
		return true
	}
	return column != "age" && aspectColumns()[kind][column]
}

// aspectColumns are the IDs of the columns that aspects add, by kind.
var aspectColumns = sync.OnceValue(func() map[schema.Kind]map[string]bool {
	ids := map[schema.Kind]map[string]bool{}
	for _, a := range Aspects() {
		for kind, needs := range a.Of {
			if ids[kind] == nil {
				ids[kind] = map[string]bool{}
			}
			for _, c := range a.Columns(kind, needs) {
				ids[kind][c.ID] = true
			}
		}
	}
	return ids
})

// here is this process with these descriptors.
func (s *scene) here(fds ...int) schema.Value {
	var ends []schema.Endpoint
	for _, fd := range fds {
		e := s.self
		e.FD = fd
		ends = append(ends, e)
	}
	return schema.Endpoints(ends, false)
}

// waiting is this process, which waits with this descriptor.
func (s *scene) waiting(fd int) schema.Value {
	e := s.self
	e.FD, e.Mode = fd, "connect"
	return schema.Endpoints([]schema.Endpoint{e}, false)
}

func (s *scene) ref(kind schema.Kind, fd int) schema.Ref {
	return schema.Ref{Kind: kind, ID: s.inode(fd)}
}

// holds are the edges from this process to its descriptors.
func (s *scene) holds(kind schema.Kind, fds ...int) []string {
	var edges []string
	for _, fd := range fds {
		edges = append(edges, "proc:"+strconv.Itoa(s.self.PID)+" holds "+s.ref(kind, fd).String()+" fd "+
			strconv.Itoa(fd)+
			" observed")
	}
	return edges
}

// pair is the edge between two ends. It starts at the smaller Ref.
func (s *scene) pair(kind schema.Kind, a, b int) string {
	refs := []schema.Ref{s.ref(kind, a), s.ref(kind, b)}
	slices.SortFunc(refs, schema.CompareRefs)
	return refs[0].String() + " peer " + refs[1].String() + "  observed"
}

// own adds the cells that every socket of this process has.
func (s *scene) own(fd int, c cells) cells {
	c["inode"], c["uid"] = schema.Int(int64(s.inode(fd))), schema.Int(int64(os.Getuid()))
	c["owner"] = schema.String(account.NewUsers(true).User(uint32(os.Getuid())))
	c["holders"] = s.here(fd)
	return c
}

// unixCells are the cells of a UNIX socket of this process.
func (s *scene) unixCells(fd int, kind, state string, recvq int, more cells) cells {
	c := cells{"type": schema.String(kind), "state": schema.String(state), "recvq": schema.Int(int64(recvq))}
	if state != "LISTEN" {
		sent, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		s.check(err)
		c["sendq"] = schema.Int(int64(sent))
	}
	for id, v := range more {
		c[id] = v
	}
	return s.own(fd, c)
}

func (s *scene) peer(kind schema.Kind, fd int) schema.Value { return schema.RefValue(s.ref(kind, fd)) }

// compare waits until the objects and edges are as wanted. The last packets of a connection may be on their way.
func (s *scene) compare(kind schema.Kind, want map[string]cells, edges []string) {
	s.Helper()
	slices.Sort(edges)
	init, err := os.ReadFile("/proc/1/comm")
	s.check(err)
	for _, row := range want {
		row["ns"] = schema.Int(int64(s.namespaceOf(os.Getpid(), "net").Ino))
		row["ns_leader"] = schema.String(strings.TrimSpace(string(init)) + "[1]")
	}
	kerneltest.EventuallySame(s, func() string {
		rows, got := table(s.take(kind), kind)
		// The measurements of TCP and descriptors in flight have their own tests.
		for _, row := range rows {
			for _, id := range append(kinds.Inet().OnDemand, "inflight", "timer", "expires") {
				if id != "ns_leader" {
					delete(row, id)
				}
			}
		}
		return gocmp.Diff(want, rows) + gocmp.Diff(edges, got)
	})
}

func TestUnixListenerWithPendingClient(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		path := filepath.Join(t.TempDir(), "two  blanks \x1b[2J")
		listener := kerneltest.Listener(t, unix.AF_UNIX, &unix.SockaddrUnix{Name: path}, 9)
		client := kerneltest.Connect(t, unix.AF_UNIX, unix.SOCK_STREAM, listener)
		server := kerneltest.Accept(t, listener)
		_, err := unix.Write(server, []byte("hello"))
		s.check(err)
		waiting := kerneltest.Connect(t, unix.AF_UNIX, unix.SOCK_STREAM, listener)
		name := schema.String(path)
		want := map[string]cells{
			s.ref("unix", listener).String(): s.unixCells(listener, "stream", "LISTEN", 1, cells{
				"sendq": schema.Int(9), "path": name, "waiters": s.waiting(waiting)}),
			s.ref("unix", client).String(): s.unixCells(client, "stream", "ESTAB", 5, cells{
				"peer": s.peer("unix", server), "peer_path": name, "peer_holders": s.here(server)}),
			s.ref("unix", server).String(): s.unixCells(server, "stream", "ESTAB", 0, cells{
				"path": name, "peer": s.peer("unix", client), "peer_holders": s.here(client)}),
			s.ref("unix", waiting).String(): s.unixCells(waiting, "stream", "ESTAB", 0, cells{
				"status": schema.String("unaccepted"), "peer_path": name}),
		}
		s.compare("unix", want, append(s.holds("unix", listener, client, server, waiting),
			s.pair("unix", client, server),
			s.ref("unix", waiting).String()+" waits_on "+s.ref("unix", listener).String()+" accept observed"))
	}, unix.CLONE_NEWNET)
}

func TestUnixPairsAndDatagrams(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		half, other := kerneltest.SocketPair(t, unix.SOCK_SEQPACKET)
		s.check(unix.Shutdown(half, unix.SHUT_WR))
		left, closed := kerneltest.SocketPair(t, unix.SOCK_STREAM)
		s.check(unix.Close(closed))
		twice, err := unix.FcntlInt(uintptr(left), unix.F_DUPFD_CLOEXEC, 100)
		s.check(err)
		defer unix.Close(twice)
		server := s.socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		s.check(unix.Bind(server, &unix.SockaddrUnix{Name: "@a\x00b"}))
		client := s.socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		s.check(unix.Connect(client, &unix.SockaddrUnix{Name: "@a\x00b"}))
		_, err = unix.Write(client, []byte("four"))
		s.check(err)
		name := schema.String("@a\x00b")
		leftCells := s.unixCells(left, "stream", "ESTAB", 0,
			cells{"status": schema.String("peer-closed"), "shutdown": schema.String("rdwr")})
		leftCells["holders"] = s.here(left, twice)
		want := map[string]cells{
			s.ref("unix", half).String(): s.unixCells(half, "seqpacket", "ESTAB", 0,
				cells{"status": schema.String("half-closed"),
					"shutdown": schema.String("wr"), "peer": s.peer("unix", other), "peer_holders": s.here(other)}),
			s.ref("unix", other).String(): s.unixCells(other, "seqpacket", "ESTAB", 0,
				cells{"status": schema.String("half-closed"),
					"shutdown": schema.String("rd"), "peer": s.peer("unix", half), "peer_holders": s.here(half)}),
			s.ref("unix", left).String():   leftCells,
			s.ref("unix", server).String(): s.unixCells(server, "dgram", "ESTAB", 4, cells{"path": name}),
			s.ref("unix", client).String(): s.unixCells(client, "dgram", "ESTAB", 0, cells{
				"peer": s.peer("unix", server), "peer_path": name, "peer_holders": s.here(server)}),
		}
		s.compare("unix", want, append(append(s.holds("unix", half, other, left, server, client),
			strings.Replace(s.holds("unix", left)[0], "fd "+strconv.Itoa(left), "fd "+strconv.Itoa(twice), 1)),
			s.pair("unix", half, other),
			// The peer of a datagram socket need not know the socket. The edge has one direction.
			s.ref("unix", client).String()+" peer "+s.ref("unix", server).String()+"  observed"))
	}, unix.CLONE_NEWNET)
}

// inetCells are the cells of an internet socket of this process.
func (s *scene) inetCells(fd int, proto, state string, recvq, sendq int, more cells) cells {
	name, err := unix.Getsockname(fd)
	s.check(err)
	c := cells{"proto": schema.String(proto), "state": schema.String(state), "recvq": schema.Int(int64(recvq)),
		"sendq":  schema.Int(int64(sendq)),
		"family": schema.String("inet"), "retrans": schema.Int(0), "local": schema.String(addrText(name)),
		"sport": schema.Int(portOf(name))}
	if _, v6 := name.(*unix.SockaddrInet6); v6 {
		c["family"] = schema.String("inet6")
	}
	if peer, err := unix.Getpeername(fd); err == nil {
		c["peer"], c["dport"] = schema.String(addrText(peer)), schema.Int(portOf(peer))
	}
	for id, v := range more {
		c[id] = v
	}
	return s.own(fd, c)
}

func TestTCPStates(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
		listener := kerneltest.Listener(t, unix.AF_INET, loopback, 4)
		client := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, listener)
		server := kerneltest.Accept(t, listener)
		_, err := unix.Write(client, []byte("hello"))
		s.check(err)
		finished := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, listener)
		lazy := kerneltest.Accept(t, listener)
		s.check(unix.Shutdown(finished, unix.SHUT_WR))
		half := schema.String("half-closed")
		want := map[string]cells{
			s.ref("inet", listener).String(): s.inetCells(listener, "tcp", "LISTEN", 0, 4,
				cells{"waiters": schema.Endpoints(nil, false)}),
			s.ref("inet", client).String(): s.inetCells(client, "tcp", "ESTAB", 0, 0, cells{
				"peer_ref": s.peer("inet", server), "peer_holders": s.here(server)}),
			s.ref("inet", server).String(): s.inetCells(server, "tcp", "ESTAB", 5, 0, cells{
				"peer_ref": s.peer("inet", client), "peer_holders": s.here(client)}),
			s.ref("inet", finished).String(): s.inetCells(finished, "tcp", "FIN-WAIT-2", 0, 0,
				cells{"status": half, "shutdown": schema.String("wr"),
					"peer_ref": s.peer("inet", lazy), "peer_holders": s.here(lazy)}),
			s.ref("inet", lazy).String(): s.inetCells(lazy, "tcp", "CLOSE-WAIT", 1, 0,
				cells{"status": half, "shutdown": schema.String("rd"),
					"peer_ref": s.peer("inet", finished), "peer_holders": s.here(finished)}),
		}
		s.compare("inet", want, append(s.holds("inet", listener, client, server, finished, lazy),
			s.pair("inet", client, server), s.pair("inet", finished, lazy)))
	}, unix.CLONE_NEWNET)
}

// A client over IPv4 waits at a listener that is bound to any address of both families.
func TestTCPPendingClient(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		listener := kerneltest.Listener(t, unix.AF_INET6, &unix.SockaddrInet6{}, 4)
		any6, err := unix.Getsockname(listener)
		s.check(err)
		client := s.socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		s.check(unix.Connect(client, &unix.SockaddrInet4{Port: int(portOf(any6)), Addr: [4]byte{127, 0, 0, 1}}))

		var cookie string
		for _, o := range s.take("inet").Objects["inet"] {
			if o.Ref.ID == 0 {
				cookie = o.Ref.String()
			}
		}
		if !strings.HasPrefix(cookie, "inet:sk:") {
			t.Fatalf("the socket that waits for accept is called %q", cookie)
		}
		unaccepted := schema.String("unaccepted")
		clientCells := s.inetCells(client, "tcp", "ESTAB", 0, 0, cells{"status": unaccepted,
			"peer_ref": schema.RefValue(schema.Ref{Kind: "inet", Name: strings.TrimPrefix(cookie, "inet:")})})
		mapped := func(column string) schema.Value {
			return schema.String("[::ffff:127.0.0.1]" + strings.TrimPrefix(clientCells[column].Str(), "127.0.0.1"))
		}
		want := map[string]cells{
			s.ref("inet", listener).String(): s.inetCells(listener, "tcp", "LISTEN", 1, 4, cells{
				"waiters": s.waiting(client), "v6only": schema.Bool(false),
				"local": schema.String(fmt.Sprintf("*:%d", portOf(any6)))}),
			s.ref("inet", client).String(): clientCells,
			cookie: {"proto": schema.String("tcp"), "family": schema.String("inet6"), "state": schema.String("ESTAB"),
				"status": unaccepted,
				"recvq":  schema.Int(0), "sendq": schema.Int(0), "retrans": schema.Int(0), "local": mapped("peer"),
				"sport": clientCells["dport"],
				"peer":  mapped("local"), "dport": clientCells["sport"], "peer_ref": s.peer("inet", client),
				"peer_holders": s.here(client)},
		}
		// The smaller Ref is the one without a number.
		s.compare("inet", want, append(s.holds("inet", listener, client),
			cookie+" peer "+s.ref("inet", client).String()+"  observed",
			cookie+" waits_on "+s.ref("inet", listener).String()+" accept observed"))
	}, unix.CLONE_NEWNET)
}

func TestUDPAndRaw(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		server := s.socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		s.check(unix.SetsockoptInt(server, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, 1))
		s.check(unix.Bind(server, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		client := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_DGRAM, server)
		raw := s.socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
		serverCells := s.inetCells(server, "udp", "UNCONN", 0, 0, nil)
		serverCells["local"] = schema.String("127.0.0.1%lo:" + strconv.FormatInt(serverCells["sport"].Int(), 10))
		want := map[string]cells{
			s.ref("inet", server).String(): serverCells,
			s.ref("inet", client).String(): s.inetCells(client, "udp", "ESTAB", 0, 0, cells{
				"peer_ref": s.peer("inet", server), "peer_holders": s.here(server)}),
			s.ref("inet", raw).String(): s.inetCells(raw, "raw", "UNCONN", 0, 0, cells{
				"local": schema.String("0.0.0.0:1"), "sport": schema.Int(1)}),
		}
		s.compare("inet", want, append(s.holds("inet", server, client, raw),
			s.ref("inet", client).String()+" peer "+s.ref("inet", server).String()+"  inferred"))
	}, unix.CLONE_NEWNET)
}

// The TCP connection below an MPTCP socket is no row of its own. Ping sockets are listed in /proc/net only.
func TestRareInternetSockets(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		s.check(os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 0"), 0))
		loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
		bound := func(family, kind, protocol int, at unix.Sockaddr) int {
			if fd, err := unix.Socket(family, kind, protocol); errors.Is(err, unix.EPROTONOSUPPORT) {
				t.Skipf("needs a kernel with Internet protocol %d", protocol)
			} else if err == nil {
				unix.Close(fd)
			}
			fd := s.socket(family, kind, protocol)
			s.check(unix.Bind(fd, at))
			return fd
		}
		ping := bound(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP,
			&unix.SockaddrInet4{Port: 7, Addr: loopback.Addr})
		ping6 := bound(unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_ICMPV6, &unix.SockaddrInet6{Port: 8})
		lite := bound(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE, loopback)
		other := bound(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE, loopback)
		name, err := unix.Getsockname(lite)
		s.check(err)
		s.check(unix.Connect(other, name))
		s.check(unix.Connect(lite, must(s, unix.Getsockname)(other)))
		listener := bound(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP, loopback)
		s.check(unix.Listen(listener, 4))
		client := s.socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)
		s.check(unix.Connect(client, must(s, unix.Getsockname)(listener)))
		server := kerneltest.Accept(t, listener)
		want := map[string]cells{
			s.ref("inet", ping).String(): s.inetCells(ping, "ping", "UNCONN", 0, 0, nil),
			s.ref("inet", ping6).String(): s.inetCells(ping6, "ping", "UNCONN", 0, 0, cells{
				"local": schema.String("*:8"), "v6only": schema.Uncollected(schema.TypeBool)}),
			s.ref("inet", lite).String(): s.inetCells(lite, "udplite", "ESTAB", 0, 0, cells{
				"peer_ref": s.peer("inet", other), "peer_holders": s.here(other)}),
			s.ref("inet", other).String(): s.inetCells(other, "udplite", "ESTAB", 0, 0, cells{
				"peer_ref": s.peer("inet", lite), "peer_holders": s.here(lite)}),
			s.ref("inet", listener).String(): s.inetCells(listener, "mptcp", "LISTEN", 0, 4,
				cells{"waiters": schema.Endpoints(nil, false)}),
			s.ref("inet", client).String(): s.inetCells(client, "mptcp", "ESTAB", 0, 0, cells{
				"peer_ref": s.peer("inet", server), "peer_holders": s.here(server)}),
			s.ref("inet", server).String(): s.inetCells(server, "mptcp", "ESTAB", 0, 0, cells{
				"peer_ref": s.peer("inet", client), "peer_holders": s.here(client)}),
		}
		s.compare("inet", want, append(s.holds("inet", ping, ping6, lite, other, listener, client, server),
			s.pair("inet", lite, other), s.pair("inet", client, server)))
	}, unix.CLONE_NEWNET)
}

// must calls a function that fails only if the machine lacks something.
func must[T any](s *scene, call func(int) (T, error)) func(int) T {
	return func(fd int) T {
		v, err := call(fd)
		s.check(err)
		return v
	}
}

// An ordinary user sees every socket. He does not see the foreign processes that hold a socket.
func TestSocketsOfForeignProcesses(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another user: a user namespace of an ordinary user has one uid only")
	}
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		mine, theirs := kerneltest.SocketPair(t, unix.SOCK_STREAM)
		tcp := kerneltest.Listener(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, 1)
		root := exec.Command("cat")
		root.ExtraFiles = []*os.File{dup(s, theirs), dup(s, tcp)}
		in, err := root.StdinPipe()
		s.check(err)
		s.check(root.Start())
		defer root.Wait()
		defer in.Close()
		for _, f := range root.ExtraFiles {
			f.Close()
		}
		theirRef, tcpRef := s.ref("unix", theirs).String(), s.ref("inet", tcp).String()
		s.check(unix.Close(theirs))
		s.check(syscall.Setresuid(1000, 1000, 1000))
		// After a change of uid a process is not dumpable, and root owns its /proc files (man 2 prctl).
		s.check(unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))

		snap := s.take("unix", "inet")
		unixRows, _ := table(snap, "unix")
		inetRows, _ := table(snap, "inet")
		self := s.self
		self.FD = mine
		partial := schema.Endpoints([]schema.Endpoint{self}, true)
		self.FD = tcp
		got := []schema.Value{unixRows[s.ref("unix", mine).String()]["holders"],
			unixRows[s.ref("unix", mine).String()]["peer_holders"],
			unixRows[theirRef]["holders"], unixRows[theirRef]["state"], inetRows[tcpRef]["holders"]}
		want := []schema.Value{partial, schema.Refused(schema.TypeEndpoints), schema.Refused(schema.TypeEndpoints),
			schema.String("ESTAB"),
			schema.Endpoints([]schema.Endpoint{self}, true)}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if !slices.ContainsFunc(snap.Faults,
			func(f schema.Fault) bool { return f.Source == "fd" && f.Denied && f.Count > 0 }) {
			t.Errorf("no fault says how many processes could not be seen: %+v", snap.Faults)
		}
	}, unix.CLONE_NEWNET)
}

func dup(s *scene, fd int) *os.File {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	s.check(err)
	return os.NewFile(uintptr(d), "socket")
}

// Without the walk of descriptors the holders of a socket are missing. Nothing else is missing.
func TestSocketsWithoutWalk(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		kerneltest.SocketPair(t, unix.SOCK_STREAM)
		h, err := kernel.Open("")
		s.check(err)
		snap := New(h, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Unix: kinds.NeedSockets}})
		rows, _ := table(snap, schema.Unix)
		if len(rows) != 2 {
			t.Fatalf("%d sockets, want 2", len(rows))
		}
		for ref, row := range rows {
			want := []schema.Value{schema.Uncollected(schema.TypeEndpoints), schema.Uncollected(schema.TypeEndpoints),
				schema.String("ESTAB")}
			if diff := gocmp.Diff(want, []schema.Value{row["holders"], row["peer_holders"], row["state"]}); diff != "" {
				t.Error(ref, diff)
			}
		}
		if slices.ContainsFunc(snap.Cost, func(c Cost) bool { return c.Part == "walk" }) {
			t.Error("walked over /proc for nobody")
		}
	}, unix.CLONE_NEWNET)
}

// A tree of files has only /proc/net: there are no peers and no queues. In a truncated file only the remaining rows are
// lost.
func TestSocketsOfAFileTree(t *testing.T) {
	root := t.TempDir()
	files := map[string]string{
		"unix": "Num       RefCount Protocol Flags    Type St Inode Path\n" +
			"0000000000000000: 00000002 00000000 00010000 0001 01    17 /run/a b\n" +
			"0000000000000000: 00000002 00000000 000",
		"tcp": "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
			"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000001 00:00000000 00000000 12345        0 26700 1 " +
			"0 100 0 0 10 0\n" +
			"   1: 0100007F:D3F4 0100007F:1F90 06 00000000:00000000 03:00000A5B 00000000     0        0 0 3 0\n",
	}
	if err := os.MkdirAll(root+"/proc/net", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(root+"/proc/net/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h, err := kernel.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	snap := New(h, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Unix: kinds.HolderNeeds,
		schema.Inet: kinds.HolderNeeds}})
	unixRows, _ := table(snap, schema.Unix)
	inetRows, _ := table(snap, schema.Inet)
	str, num := schema.String, func(n int64) schema.Value { return schema.Int(n) }
	none, no := schema.Endpoints(nil, false), schema.Uncollected
	wantUnix := map[string]cells{"unix:17": {"type": str("stream"), "state": str("LISTEN"), "path": str("/run/a b"),
		"inode": num(17), "holders": none,
		"status": no(schema.TypeString), "recvq": no(schema.TypeInt), "sendq": no(schema.TypeInt),
		"peer":      no(schema.TypeRef),
		"peer_path": no(schema.TypeString), "peer_holders": no(schema.TypeEndpoints),
		"waiters":  no(schema.TypeEndpoints),
		"shutdown": no(schema.TypeString), "owner": no(schema.TypeString), "uid": no(schema.TypeInt)}}
	wantInet := map[string]cells{
		"inet:26700": {"proto": str("tcp"), "family": str("inet"), "state": str("LISTEN"), "recvq": num(1),
			"sendq": no(schema.TypeInt),
			"local": str("127.0.0.1:8080"), "sport": num(8080), "retrans": num(0), "shutdown": no(schema.TypeString),
			"owner": str("12345"),
			"uid":   num(12345), "inode": num(26700), "holders": none, "waiters": none},
		"inet:sk:tcp/127.0.0.1:54260/127.0.0.1:8080": {"proto": str("tcp"), "family": str("inet"),
			"state": str("TIME-WAIT"),
			"recvq": num(0),
			"sendq": num(0), "local": str("127.0.0.1:54260"), "peer": str("127.0.0.1:8080"), "sport": num(54260),
			"dport":   num(8080),
			"retrans": num(0), "shutdown": no(schema.TypeString)},
	}
	for _, row := range []cells{wantUnix["unix:17"], wantInet["inet:26700"],
		wantInet["inet:sk:tcp/127.0.0.1:54260/127.0.0.1:8080"]} {
		row["ns_leader"] = no(schema.TypeString)
	}
	wantUnix["unix:17"]["inflight"] = no(schema.TypeInt)
	waits := wantInet["inet:sk:tcp/127.0.0.1:54260/127.0.0.1:8080"]
	waits["timer"], waits["expires"] = str("timewait"), schema.Duration(26510*time.Millisecond)
	if diff := gocmp.Diff(wantUnix, unixRows) + gocmp.Diff(wantInet, inetRows); diff != "" {
		t.Error(diff)
	}
	i := slices.IndexFunc(snap.Faults, func(f schema.Fault) bool { return f.Source == "unix" })
	if i < 0 || snap.Faults[i].Says != "read /proc/net/unix: line 3 is cut off" {
		t.Errorf("faults: %+v", snap.Faults)
	}
}

func TestTCPGauges(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		listener := kerneltest.Listener(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, 1)
		client := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, listener)
		server := kerneltest.Accept(t, listener)
		s.check(unix.Close(client))
		s.check(unix.Close(server))
		h, err := kernel.Open("")
		s.check(err)
		kerneltest.EventuallySame(t, func() string {
			snap := New(h, time.Now).Take(Request{Gauges: true})
			var waits, all []schema.Gauge
			for _, g := range snap.Gauges {
				if g.Kind == schema.Inet {
					all = append(all, g)
				}
				if g.What == "TIME-WAIT" && g.Used == 1 && g.Limit > 0 {
					waits = append(waits, g)
				}
			}
			if len(waits) != 1 || len(all) != 3 {
				return fmt.Sprintf("want three gauges, with one socket in TIME-WAIT: %+v", all)
			}
			return ""
		})
	}, unix.CLONE_NEWNET)
}

func addrText(a unix.Sockaddr) string {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netipText(a.Addr[:], a.Port)
	case *unix.SockaddrInet6:
		return netipText(a.Addr[:], a.Port)
	}
	return ""
}

func portOf(a unix.Sockaddr) int64 {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return int64(a.Port)
	case *unix.SockaddrInet6:
		return int64(a.Port)
	}
	return 0
}

func netipText(b []byte, port int) string {
	a, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a, uint16(port)).String()
}
