package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// fullListeners finds listeners with more connections that wait for accept than their backlog allows. The kernel takes
// one more than the backlog (sk_acceptq_is_full in include/net/sock.h, unix_recvq_full in net/unix/af_unix.c).
func fullListeners(x *examination) []schema.Finding {
	var full []fullListener
	untold := false
	rowsOf(x, schema.Inet, func(ref schema.Ref, r *kinds.InetRow) {
		untold = untold || r.Listens() && !r.Diag
		if r.Listens() && r.Diag && r.RecvQueue > r.SendQueue {
			full = append(full, fullListener{ref: ref, at: r.Local.String(), waiting: r.RecvQueue, backlog: r.SendQueue,
				holders: r.Ends().Holders, fails: "connections to it are not answered, and connect waits or fails " +
					"with ETIMEDOUT"})
		}
	})
	rowsOf(x, schema.Unix, func(ref schema.Ref, r *kinds.UnixRow) {
		listens := r.File == nil && r.State == sock.SocketListen
		untold = untold || listens && !r.Diag
		if listens && r.Diag && r.RecvQueue > r.SendQueue {
			full = append(full, fullListener{ref: ref, at: kinds.UnixName(r.UnixSocket).Str(), waiting: r.RecvQueue,
				backlog: r.SendQueue, holders: r.Ends().Holders, fails: "connect to it waits, or fails with EAGAIN"})
		}
	})
	if untold {
		x.missing("the backlog of listeners (sock_diag)")
	}
	slices.SortStableFunc(full, func(a, b fullListener) int { return cmp.Compare(b.waiting, a.waiting) })
	var all []schema.Finding
	for i, l := range full {
		if i == manyFindings {
			f := schema.Finding{Kind: "listener", Severity: schema.Warning, Proof: schema.Observed,
				Says:   fmt.Sprintf("%d more listeners have more connections than they accept", len(full)-i),
				Advice: "See them all: `ipctop --once inet unix --where 'state == \"LISTEN\" and recvq > sendq'`"}
			for _, rest := range full[i:] {
				f.Refs = append(f.Refs, rest.ref)
			}
			return append(all, f)
		}
		all = append(all, l.finding())
	}
	return all
}

// fullListener is a listener whose queue of connections is full.
type fullListener struct {
	ref              schema.Ref
	at, fails        string
	waiting, backlog uint32
	holders          schema.Value
}

func (l fullListener) finding() schema.Finding {
	f := schema.Finding{Kind: "listener", Severity: schema.Warning, Proof: schema.Observed, Refs: []schema.Ref{l.ref},
		Says: fmt.Sprintf("%s (%s) is full: %s", l.ref, l.at, l.fails),
		Evidence: []string{fmt.Sprintf("%s for accept, its backlog is %d",
			schema.Plural(l.waiting, "1 connection waits",
				fmt.Sprintf("%d connections wait", l.waiting)), l.backlog), "it is open in " + holdersWords(l.holders)},
		Advice: "Find out why its process does not call accept: `ipctop waits` and the process's page tell what it " +
			"sleeps in. A longer queue takes a larger backlog in listen, up to net.core.somaxconn."}
	for _, e := range l.holders.Endpoints() {
		if !slices.Contains(f.Refs, e.Ref()) && len(f.Refs) < manyFindings {
			f.Refs = append(f.Refs, e.Ref())
		}
	}
	return f
}

// The numbers of connections in CLOSE-WAIT of one process that make a note and a warning. A few are usual for a moment.
const (
	someCloseWait = 10
	manyCloseWait = 100
)

// closeWaits names the processes that do not close connections whose other end has closed. Each such connection keeps
// a descriptor and its memory, without a limit of time (tcp(7), RFC 9293 3.6).
func closeWaits(x *examination) []schema.Finding {
	by := map[processName]*closeWait{}
	rowsOf(x, schema.Inet, func(ref schema.Ref, r *kinds.InetRow) {
		if !r.Stream() || r.State != sock.SocketCloseWait || r.Inode == 0 {
			return
		}
		name := processName{}
		if len(r.Uses) > 0 {
			name = processName{r.Uses[0].Process.PID, r.Uses[0].Process.Comm}
		}
		c := by[name]
		if c == nil {
			c = &closeWait{peers: map[string]uint64{}}
			if len(r.Uses) > 0 {
				c.refs = []schema.Ref{r.Uses[0].Process.Ref()}
			}
			by[name] = c
		}
		c.n, c.refs = c.n+1, append(c.refs, ref)
		c.peers[r.Remote.String()]++
		if r.RecvQueue > 1 { // the end of the data counts as one byte
			c.unread++
		}
	})
	names := slices.SortedFunc(maps.Keys(by), func(a, b processName) int {
		return cmp.Or(cmp.Compare(by[b].n, by[a].n), cmp.Compare(a.pid, b.pid))
	})
	var all []schema.Finding
	for _, name := range names {
		c := by[name]
		if c.n < someCloseWait || len(all) == manyFindings {
			break
		}
		who := fmt.Sprintf("%d/%s has", name.pid, name.comm)
		if name.pid == 0 {
			who = "processes that could not be looked into have"
		}
		f := schema.Finding{Kind: "close-wait", Severity: schema.Info, Proof: schema.Observed, Refs: c.refs,
			Says: fmt.Sprintf("%s %d TCP connections in CLOSE-WAIT: the other end has closed them, "+
				"and this end has not", who,
				c.n),
			Evidence: []string{"the other ends: " + c.mostPeers(4)},
			Advice: "The program has to close what it has read to the end: each keeps a descriptor until then. " +
				"A count that goes on growing is a bug of the program; its restart frees them."}
		if c.unread > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%d of them %s unread data: nobody reads it now", c.unread,
				schema.Plural(c.unread, "has", "have")))
		}
		if c.n >= manyCloseWait {
			f.Severity = schema.Warning
		}
		all = append(all, f)
	}
	return all
}

// closeWait are the connections in CLOSE-WAIT of one process.
type closeWait struct {
	n, unread int
	refs      []schema.Ref // the process, then the sockets
	peers     map[string]uint64
}

// mostPeers names the addresses with the most connections: "10.0.0.1:80 12, 10.0.0.2:80 3, and 2 more".
func (c *closeWait) mostPeers(n int) string {
	peers := slices.SortedFunc(maps.Keys(c.peers), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.peers[b], c.peers[a]), strings.Compare(a, b))
	})
	words := make([]string, 0, len(peers))
	for _, p := range peers {
		words = append(words, fmt.Sprintf("%s %d", p, c.peers[p]))
	}
	return strings.Join(firstOf(n, words), ", ")
}
