package collect

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// summary is the content of a snapshot of everything, in numbers.
type summary struct {
	Objects map[schema.Kind]int
	Faults  map[string]string // source -> "denied" or "failed", and the count if there is one
}

// summarize takes a snapshot of everything on a machine made of files.
func summarize(root string) (summary, error) {
	host, err := kernel.Open(root)
	if err != nil {
		return summary{}, err
	}
	req := Request{Want: map[schema.Kind]schema.Need{}, Edges: true, Gauges: true}
	for _, m := range Mechanisms() {
		for _, c := range m.Columns {
			if !m.IsOnDemand(c.ID) {
				req.Want[m.Kind] |= c.Needs
			}
		}
	}
	snap := New(host, time.Now).Take(req)
	s := summary{map[schema.Kind]int{}, map[string]string{}}
	for kind, objects := range snap.Objects {
		s.Objects[kind] = len(objects)
		columns := kindColumns(kind)
		for _, o := range objects {
			for _, c := range columns {
				c.Get(o) // the getter must not panic
			}
		}
	}
	for _, f := range snap.Faults {
		word := "failed"
		if f.Denied {
			word = "denied"
		}
		if f.Count > 0 {
			word += fmt.Sprintf(" %d", f.Count)
		}
		if f.Says == "" {
			word += " without a word"
		}
		s.Faults[f.Source] = word
	}
	return s, nil
}

func kindColumns(kind schema.Kind) []schema.Column {
	for _, m := range Mechanisms() {
		if m.Kind == kind {
			return m.Columns
		}
	}
	return nil
}

func mustSummarize(t *testing.T, m *collecttest.Machine) summary {
	t.Helper()
	s, err := summarize(m.Root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wholeSample is the summary of collecttest.Sample.
func wholeSample() summary {
	s := summary{
		Objects: map[schema.Kind]int{
			schema.Msg: 2, schema.Sem: 2, schema.Shm: 3,
			schema.Pipe: 3, schema.Fifo: 1, schema.Pty: 1,
			schema.Unix: 5, schema.Inet: 6, schema.Netlink: 1, schema.Packet: 1,
			schema.Epoll: 1,
			schema.Proc:  9, schema.NS: 1, schema.Limit: 17, schema.Wait: 2,
		},
		Faults: map[string]string{},
	}
	for _, m := range Mechanisms() {
		s.Objects[m.Kind] += 0
	}
	return s
}

func TestWholeMachine(t *testing.T) {
	if diff := gocmp.Diff(wholeSample(), mustSummarize(t, collecttest.Sample(t))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A broken file is reported, and the objects of other files are still there.
func TestBrokenMachines(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(*collecttest.Machine)
		want func(*summary)
	}{
		"a process went between its name and its stat": {
			func(m *collecttest.Machine) { m.Write("/proc/900/comm", "gone\n") },
			func(*summary) {},
		},
		"a process went before its tables were read": {
			func(m *collecttest.Machine) {
				m.Process(collecttest.Process{PID: 900, Comm: "going"})
				for _, f := range []string{"status", "cmdline", "maps", "fd", "ns"} {
					m.Remove("/proc/900/" + f)
				}
			},
			func(s *summary) { s.Objects[schema.Proc]++ },
		},
		"a descriptor was closed while it was looked at": {
			func(m *collecttest.Machine) { m.Remove("/proc/102/fdinfo/0") },
			// the pipe's writer is still there, but no process that it waits for
			func(s *summary) { s.Objects[schema.Wait]-- },
		},
		"stat is cut off": {
			func(m *collecttest.Machine) { m.Write("/proc/102/stat", "102 (head) T 100 101") },
			func(s *summary) {
				s.Objects[schema.Proc]--
				s.Objects[schema.Wait]--
				s.Faults["processes"] = "failed 1"
			},
		},
		"maps are cut off": {
			func(m *collecttest.Machine) { m.Write("/proc/200/maps", "7f0000000000-7f0000400000 rw-s 0000") },
			func(s *summary) { s.Faults["maps"] = "failed 1" },
		},
		"no boot time": {
			func(m *collecttest.Machine) { m.Write("/proc/stat", "cpu  1 2 3") },
			func(s *summary) { s.Faults["boot time"] = "failed" },
		},
		"no queues": {
			func(m *collecttest.Machine) { m.Remove("/proc/sysvipc/msg") },
			func(s *summary) { s.Objects[schema.Msg], s.Faults["msg"] = 0, "failed" },
		},
		"the last set is cut off": {
			func(m *collecttest.Machine) { m.Append("/proc/sysvipc/sem", "        18          4   6") },
			func(s *summary) { s.Faults["sem"], s.Faults["limit"] = "failed", "failed" },
		},
		"no TCP over IPv6": {
			func(m *collecttest.Machine) { m.Remove("/proc/net/tcp6") },
			func(s *summary) { s.Objects[schema.Inet] = 5 },
		},
		"a socket's line is cut off": {
			func(m *collecttest.Machine) { m.Append("/proc/net/tcp", "   9: 0100007F:1F90 0000") },
			func(s *summary) { s.Faults["inet"] = "failed" },
		},
		"no sockets at all": {
			func(m *collecttest.Machine) { m.Remove("/proc/net") },
			func(s *summary) {
				s.Objects[schema.Inet], s.Objects[schema.Unix] = 0, 0
				s.Objects[schema.Netlink], s.Objects[schema.Packet] = 0, 0
				s.Faults["unix"] = "failed" // a kernel may be built without internet sockets
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, want := collecttest.Sample(t), wholeSample()
			c.harm(m)
			c.want(&want)
			if diff := gocmp.Diff(want, mustSummarize(t, m)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// workSummarize prints the summary of a tree as its own user sees it.
func workSummarize(j *kerneltest.Job) {
	s, err := summarize(j.Args[0])
	j.Check(err)
	text, err := json.Marshal(s)
	j.Check(err)
	j.Ready(string(text))
}

// summaryAsUser is the summary for an ordinary user. Nothing is refused to root, so root starts a worker with uid 1000.
func summaryAsUser(t *testing.T, m *collecttest.Machine) summary {
	t.Helper()
	var who *syscall.Credential
	if os.Geteuid() == 0 {
		who = &syscall.Credential{Uid: 1000, Gid: 1000}
		m.Open()
	}
	w := kerneltest.StartAs(t, who, "summarize", m.Root)
	var s summary
	if err := json.Unmarshal([]byte(strings.Join(w.Words, " ")), &s); err != nil {
		t.Fatal(err)
	}
	w.Finish()
	return s
}

// Without rights a snapshot lacks only what the rights protect, and a fault reports this.
func TestRefusedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		refuse []string // glob patterns
		want   func(*summary)
	}{
		"nothing": {nil, func(*summary) {}},
		"descriptors of one process": {[]string{"200/fd"}, func(s *summary) {
			s.Objects[schema.Epoll] = 0
			s.Objects[schema.Pipe], s.Objects[schema.Fifo] = 1, 0
			s.Faults["fd"] = "denied 1"
		}},
		"descriptors and maps of all": {[]string{"[0-9]*/fd", "[0-9]*/maps"}, func(s *summary) {
			s.Objects[schema.Epoll], s.Objects[schema.Pty], s.Objects[schema.Wait] = 0, 0, 0
			s.Objects[schema.Pipe], s.Objects[schema.Fifo] = 0, 0
			s.Faults["fd"], s.Faults["maps"] = "denied 6", "denied 6"
		}},
		"status and command lines": {[]string{"[0-9]*/status", "[0-9]*/cmdline"}, func(*summary) {}},
		"a table of System V": {[]string{"sysvipc/shm"},
			func(s *summary) { s.Objects[schema.Shm], s.Faults["shm"], s.Faults["limit"] = 0, "denied", "denied" }},
		"sockets": {[]string{"net/*"}, func(s *summary) {
			s.Objects[schema.Inet], s.Objects[schema.Unix] = 0, 0
			s.Objects[schema.Netlink], s.Objects[schema.Packet] = 0, 0
			s.Faults["inet"], s.Faults["unix"], s.Faults["netlink"], s.Faults["packet"] = "denied", "denied",
				"denied", "denied"
		}},
		"whole processes": {[]string{"20[01]"}, func(s *summary) {
			s.Objects[schema.Epoll] = 0
			s.Objects[schema.Proc], s.Objects[schema.Pipe], s.Objects[schema.Fifo] = 7, 1, 0
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m, want := collecttest.Sample(t), wholeSample()
			c.want(&want)
			for _, pattern := range c.refuse {
				paths, err := filepath.Glob(filepath.Join(m.Root, "proc", pattern))
				if err != nil || len(paths) == 0 {
					t.Fatalf("%s: %v, %v", pattern, paths, err)
				}
				for _, path := range paths {
					m.Refuse(strings.TrimPrefix(path, m.Root))
				}
			}
			if diff := gocmp.Diff(want, summaryAsUser(t, m)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// sampleMachine collects from collecttest.Sample, one day after its boot.
func sampleMachine(t *testing.T) *Collector {
	t.Helper()
	return machine(t, collecttest.Sample(t))
}

// machine collects from a machine made of files, one day after its boot.
func machine(t *testing.T, m *collecttest.Machine) *Collector {
	t.Helper()
	host, err := kernel.Open(m.Root)
	if err != nil {
		t.Fatal(err)
	}
	return New(host, func() time.Time { return time.Unix(collecttest.Boot+86400, 0) })
}
