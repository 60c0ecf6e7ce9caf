package collect

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// workOwnNet listens on a UNIX path, and at a free TCP port of its own network namespace. It accepts every connection.
func workOwnNet(j *kerneltest.Job) {
	path, err := net.Listen("unix", j.Args[0])
	j.Check(err)
	port, err := net.Listen("tcp4", "0.0.0.0:7777")
	j.Check(err)
	j.Ready()
	conn, err := path.Accept()
	j.Check(err)
	j.Ready()
	j.Wait()
	conn.Close()
	port.Close()
}

// Two network namespaces have a listener at the same port. A UNIX connection joins the two namespaces.
func TestSocketsOfAnotherNamespace(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		path := t.TempDir() + "/door"
		w := kerneltest.StartIn(t, unix.CLONE_NEWNET, "own-net", path)
		own, err := net.Listen("tcp4", "0.0.0.0:7777")
		s.check(err)
		defer own.Close()
		client, err := net.Dial("unix", path)
		s.check(err)
		defer client.Close()
		w.Read()
		ns := s.namespaceOf(w.PID, "net").Ino
		host, err := kernel.Open("")
		s.check(err)
		take := func(all bool) *Snapshot {
			needs := kinds.HolderNeeds | proc.NeedNamespaces
			snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Unix: needs,
				schema.Inet: needs},
				AllNamespaces: all, Edges: true})
			if len(snap.Faults) > 0 {
				t.Errorf("faults: %+v", snap.Faults)
			}
			return snap
		}
		// listeners names the namespace, the holder and the address of each listener.
		listeners := func(snap *Snapshot, kind schema.Kind, name string) []string {
			var found []string
			rows, _ := table(snap, kind)
			for ref, r := range rows {
				if r["state"].Str() == "LISTEN" {
					found = append(found,
						fmt.Sprintf("%s %d %s %v", ref, r["ns"].Int(), r[name].Str(), pids(r["holders"])))
				}
			}
			return found
		}
		snap := take(true)
		var ownPort, otherPort, door uint64
		for _, p := range []struct {
			pid int
			ino *uint64
			at  string
		}{{s.self.PID, &ownPort, "tcp"}, {w.PID, &otherPort, "tcp"}, {w.PID, &door, "unix"}} {
			for _, o := range append(snap.Objects[schema.Inet], snap.Objects[schema.Unix]...) {
				switch r := o.Row.(type) {
				case *kinds.InetRow: // all listeners
					if p.at == "tcp" && slices.Contains(pids(cellOf(o.Ref.Kind, "holders")(o)), p.pid) {
						*p.ino = o.Ref.ID
					}
				case *kinds.UnixRow:
					if p.at == "unix" && r.State == sock.SocketListen &&
						slices.Contains(pids(cellOf(o.Ref.Kind, "holders")(o)),
							p.pid) {
						*p.ino = o.Ref.ID
					}
				}
			}
		}
		home := s.namespaceOf(s.self.PID, "net").Ino
		want := map[string]bool{
			fmt.Sprintf("inet:%d %d 0.0.0.0:7777 [%d]", ownPort, home, s.self.PID):   true,
			fmt.Sprintf("inet:%d@%d %d 0.0.0.0:7777 [%d]", otherPort, ns, ns, w.PID): true,
			fmt.Sprintf("unix:%d@%d %d %s [%d]", door, ns, ns, path, w.PID):          true,
		}
		got := map[string]bool{}
		for _, line := range append(listeners(snap, schema.Inet, "local"), listeners(snap, schema.Unix, "path")...) {
			got[line] = true
		}
		for line := range want {
			if !got[line] {
				t.Errorf("no listener %q in %v", line, got)
			}
		}
		// The socket that accept returned is in the namespace of the client (unix_stream_connect, net/unix/af_unix.c).
		accepted := 0
		for _, o := range snap.Objects[schema.Unix] {
			if o.Ref.Space == 0 && slices.Equal(pids(cellOf(o.Ref.Kind, "holders")(o)), []int{w.PID}) &&
				slices.Equal(pids(cellOf(o.Ref.Kind, "peer_holders")(o)), []int{s.self.PID}) {
				accepted++
			}
		}
		if accepted != 1 {
			t.Errorf("%d connections between the two processes, want 1", accepted)
		}
		for _, o := range append(take(false).Objects[schema.Inet], take(false).Objects[schema.Unix]...) {
			if o.Ref.Space != 0 {
				t.Errorf("%s is in another namespace", o.Ref)
			}
		}
	}, unix.CLONE_NEWNET)
}

func pids(v schema.Value) []int {
	var list []int
	for _, e := range v.Endpoints() {
		list = append(list, e.PID)
	}
	return list
}
