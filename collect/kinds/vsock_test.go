package kinds

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Few kernels have vsock_diag, so the test has the sockets of a kernel with vsock_diag.
func TestVsocks(t *testing.T) {
	host, err := kernel.Open(collecttest.New(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	anywhere := sock.VsockAddr{CID: ^uint32(0), Port: ^uint32(0)}
	server, client := sock.VsockAddr{CID: 1, Port: 1024}, sock.VsockAddr{CID: 1, Port: 4000000000}
	list := []sock.VsockSocket{
		{Type: sock.SocketStream, State: sock.SocketListen, Inode: 7, Cookie: 1,
			Local: sock.VsockAddr{CID: ^uint32(0), Port: 1024}, Remote: anywhere},
		{Type: sock.SocketStream, State: sock.SocketEstablished, Inode: 8, Cookie: 2, Local: server, Remote: client},
		{Type: sock.SocketStream, State: sock.SocketEstablished, Inode: 9, Cookie: 3, Local: client, Remote: server,
			Shutdown: sock.ShutdownSend},
		{Type: sock.SocketStream, State: sock.SocketEstablished, Cookie: 0x4a, Local: sock.VsockAddr{CID: 2, Port: 5},
			Remote: sock.VsockAddr{CID: 3, Port: 6}},
	}
	tick := &proc.Tick{Host: host, Needs: HolderNeeds}
	objects, err := listVsocks(tick, func() ([]sock.VsockSocket, error) { return list, nil })
	if err != nil {
		t.Fatal(err)
	}
	type cells map[string]schema.Value
	got := map[string]cells{}
	for _, o := range objects {
		row := cells{}
		for _, c := range Vsock().Columns {
			if v := c.Get(o); v.State() != schema.Absent {
				row[c.ID] = v
			}
		}
		got[o.Ref.String()] = row
	}
	str, nobody := schema.String, schema.Endpoints(nil, false)
	row := func(state, local string, more cells) cells {
		c := cells{"type": str("stream"), "state": str(state), "local": str(local),
			"ns_leader": schema.Uncollected(schema.TypeString)}
		maps.Copy(c, more)
		return c
	}
	want := map[string]cells{
		"vsock:7": row("LISTEN", "*:1024", cells{"inode": schema.Int(7), "holders": nobody}),
		"vsock:8": row("ESTAB", "1:1024",
			cells{"inode": schema.Int(8), "holders": nobody, "peer": str("1:4000000000")}),
		"vsock:9": row("ESTAB", "1:4000000000",
			cells{"inode": schema.Int(9), "holders": nobody, "peer": str("1:1024"), "shutdown": str("wr")}),
		"vsock:sk:4a": row("ESTAB", "2:5", cells{"peer": str("3:6")}),
	}
	peers := []schema.Edge{{From: schema.Ref{Kind: schema.Vsock, ID: 8}, To: schema.Ref{Kind: schema.Vsock, ID: 9},
		Rel: schema.RelPeer, Proof: schema.Observed}}
	var edges []schema.Edge
	Vsock().Relate(tick, objects, func(e schema.Edge) { edges = append(edges, e) })
	if diff := cmp.Diff(want, got) + cmp.Diff(peers, edges); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
