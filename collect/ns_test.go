package collect

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// namespaceOf is the namespace of a process.
func (s *scene) namespaceOf(pid int, typ string) namespace.Namespace {
	s.Helper()
	path := fmt.Sprintf("/proc/%d/ns/%s", pid, typ)
	link, err := os.Readlink(path)
	s.check(err)
	_, ino, _ := namespace.ParseLink([]byte(link))
	return namespace.Namespace{Type: typ, Ino: ino, Path: path}
}

func TestNamespaces(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		w := kerneltest.StartIn(t, unix.CLONE_NEWUTS, "wait")
		uts := s.namespaceOf(w.PID, "uts")
		rows, edges := table(s.take(schema.NS), schema.NS)
		ref := fmt.Sprintf("ns:%d", uts.Ino)
		var worker *kinds.ProcRow
		for _, o := range s.take(schema.Proc).Objects[schema.Proc] {
			if p := o.Row.(*kinds.ProcRow); p.PID == w.PID {
				worker = p
			}
		}
		host, err := kernel.Open("")
		s.check(err)
		owner, err := host.NamespaceOwner(uts)
		s.check(err)
		users := account.NewUsers(true)
		want := cells{
			"ns": schema.Int(int64(uts.Ino)), "type": schema.String("uts"), "nprocs": schema.Int(1),
			"own": schema.Bool(false),
			"pid": schema.Int(int64(w.PID)), "ppid": schema.Int(int64(os.Getpid())), "comm": schema.String(worker.Comm),
			"command": worker.Args(),
			"uid":     schema.Int(int64(os.Geteuid())), "user": schema.String(users.User(uint32(os.Geteuid()))),
			"owner_uid": schema.Int(int64(owner)), "owner": schema.String(users.User(owner)),
		}
		if diff := gocmp.Diff(want, rows[ref]); diff != "" {
			t.Error(diff)
		}
		if line := fmt.Sprintf("proc:%d holds %s is in it observed", w.PID, ref); !slices.Contains(edges, line) {
			t.Errorf("no edge %q in %q", line, edges)
		}
		own := rows[fmt.Sprintf("ns:%d", s.namespaceOf(os.Getpid(), "uts").Ino)]
		if !own["own"].Equal(schema.Bool(true)) || own["nprocs"].Int() != 2 {
			t.Errorf("our own uts namespace: %v", own)
		}

		// No process is in the namespace, and a descriptor of this process keeps it.
		fd, err := unix.Open(uts.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		s.check(err)
		defer unix.Close(fd)
		w.Kill()
		rows, _ = table(s.take(schema.NS), schema.NS)
		self := s.self
		self.FD = fd
		want = cells{
			"ns": want["ns"], "type": want["type"], "nprocs": schema.Int(0), "own": want["own"],
			"owner_uid": want["owner_uid"],
			"owner":     want["owner"],
			"holders":   schema.Endpoints([]schema.Endpoint{self}, false),
		}
		if diff := gocmp.Diff(want, rows[ref]); diff != "" {
			t.Error(diff)
		}
	})
}

// lsns and ipctop see the same processes. Each sees one more than the other: itself.
func TestNamespacesAsLsnsHasThem(t *testing.T) {
	lsns, err := exec.LookPath("lsns")
	if err != nil {
		t.Skip("needs lsns (util-linux)")
	}
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		kerneltest.StartIn(t, unix.CLONE_NEWUTS|unix.CLONE_NEWIPC, "wait")
		kerneltest.StartIn(t, unix.CLONE_NEWCGROUP, "wait")
		out, err := exec.Command(lsns, "--raw", "--noheadings", "--output", "NS,TYPE,PID").Output()
		s.check(err)
		want := strings.Split(strings.TrimSpace(string(out)), "\n")
		slices.Sort(want)
		rows, _ := table(s.take(schema.NS), schema.NS)
		var got []string
		for _, r := range rows {
			if r["nprocs"].Int() > 0 {
				got = append(got, fmt.Sprintf("%d %s %d", r["ns"].Int(), r["type"].Str(), r["pid"].Int()))
			}
		}
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("lsns:\n%s\nipctop:\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	})
}
