package collect

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Collector takes snapshots of one Host. It keeps between them what spares work: names of users, descriptors of
// processes that have not run, CPU times. It is for one goroutine at a time.
type Collector struct {
	host       *kernel.Host
	mechanisms []*Mechanism
	now        func() time.Time
	users      *Users
	walker     walker
	cpu        cpuMeter
	waitSeed   maphash.Seed
	waits      *relate.Solution // of the last snapshot that had one: a second one has to agree
	hides      bool             // /proc is mounted with hidepid
	hidesKnown bool
	undos      undoSource
	signatures func() (*Signatures, error)
	dataFiles  dataFiles
	keyFiles   map[int]processFiles // by pid
}

// New returns a Collector for the mechanisms of Mechanisms.
func New(host *kernel.Host, now func() time.Time, settings ...Setting) *Collector {
	c := &Collector{host: host, mechanisms: Mechanisms(), now: now, users: NewUsers(host.Live()), walker: walker{host: host},
		signatures: sync.OnceValues(BuiltinSignatures), dataFiles: dataFiles{}, keyFiles: map[int]processFiles{}, waitSeed: maphash.MakeSeed()}
	for _, set := range settings {
		set(c)
	}
	return c
}

// Setting is what a Collector is told beyond the machine that it reads.
type Setting func(*Collector)

// WithSignatures has it tell software by these signatures, instead of the built-in ones alone. nil changes nothing.
func WithSignatures(s *Signatures) Setting {
	return func(c *Collector) {
		if s != nil {
			c.signatures = func() (*Signatures, error) { return s, nil }
		}
	}
}

// Take reads what req names. It never fails as a whole: what could not be read is in the Snapshot's Faults.
func (c *Collector) Take(req Request) *Snapshot {
	begin := time.Now()
	s, f := c.look(req)
	for _, m := range c.mechanisms {
		c.mechanism(m, req, s, f)
	}
	f.noteOtherIPC()
	if f.foundOutside {
		f.notes = append(f.notes, "processes outside this pid namespace are not seen: what nobody in it holds, somebody outside may hold")
	}
	s.Notes, s.ways = f.notes, f.ways()
	if f.waitsSolved != nil {
		c.waits, s.Pending = f.waitsSolved, f.waitsSolved.Pending()
	}
	s.Faults = append(f.refusals(), f.faults...)
	s.seal()
	s.Total = time.Since(begin)
	return s
}

// look begins a snapshot: what all mechanisms share.
func (c *Collector) look(req Request) (*Snapshot, *Facts) {
	s := &Snapshot{Taken: c.now(), Request: req, Objects: map[schema.Kind][]*schema.Object{}}
	f := &Facts{Host: c.host, Now: s.Taken, Want: c.wants(req), Users: c.users, devices: sync.OnceValue(kernel.SegmentDevices), undos: &c.undos, software: &softwareFacts{signatures: c.signatures, files: c.dataFiles, hangs: c.walker.risky.of},
		keys:   &keyFacts{c.keyFiles, map[string]*keyFileList{}},
		detail: req.Detail, all: req.AllNamespaces, grace: req.grace(),
		listed: map[schema.Kind][]*schema.Object{}, waitSeed: c.waitSeed, waitsBefore: c.waits}
	c.identify(s, f)
	c.walk(s, f)
	return s, f
}

// wants completes what the columns ask for with what the mechanisms themselves take.
func (c *Collector) wants(req Request) map[schema.Kind]schema.Need {
	want := map[schema.Kind]schema.Need{}
	for _, m := range c.mechanisms {
		n, ok := req.Want[m.Kind]
		if !ok {
			continue
		}
		n |= m.Needs
		if req.Edges {
			n |= m.Relates
		}
		if req.Findings {
			n |= m.Diagnoses
		}
		want[m.Kind] = n
	}
	return want
}

func (c *Collector) identify(s *Snapshot, f *Facts) {
	s.Host = c.line("/proc/sys/kernel/hostname")
	s.BootID = c.line("/proc/sys/kernel/random/boot_id")
	s.IPCNamespace, _ = c.host.SelfNamespace("ipc")
	f.ipcSelf = s.IPCNamespace
	if pidNS, err := c.host.SelfNamespace("pid"); err == nil && c.host.Live() {
		f.nested = pidNS != kernel.InitialPIDNamespace
	}
	if self, err := os.Readlink("/proc/self"); err == nil && c.host.Live() {
		f.self, _ = strconv.Atoi(self)
	}
	boot, err := c.bootTime()
	f.Fault("boot time", err)
	f.Boot = boot
}

func (c *Collector) bootTime() (time.Time, error) {
	if c.host.Live() {
		return kernel.BootTime()
	}
	fs, err := procfs.NewFS(c.host.Path("/proc"))
	if err != nil {
		return time.Time{}, err
	}
	stat, err := fs.Stat()
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the machine started: %w", err)
	}
	if stat.BootTime == 0 {
		return time.Time{}, errors.New("/proc/stat does not say when the machine started: no start times, and no telling whether a pid was reused")
	}
	return time.Unix(int64(stat.BootTime), 0), nil
}

func (c *Collector) line(path string) string {
	text, err := c.host.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

func (c *Collector) walk(s *Snapshot, f *Facts) {
	for _, m := range c.mechanisms {
		f.Needs |= f.Want[m.Kind]
		if s.Request.Detail.Kind == m.Kind {
			f.Needs |= m.NeedsOf(m.OnDemand)
		}
	}
	f.Needs |= f.namespaceNeeds()
	if f.Needs&walkNeeds == 0 {
		return
	}
	begin := time.Now()
	f.readLocks()
	procs, err := c.walker.walk(f.Needs, f.infoDemand())
	f.Fault("processes", err)
	f.procs, f.restless = procs, c.walker.restless
	f.byPID = make(map[int]*Process, len(procs))
	for _, p := range procs {
		f.byPID[p.PID] = p
	}
	f.account()
	if n := c.walker.risky.skipped.Load(); n > 0 {
		f.faults = append(f.faults, schema.Fault{Source: "fd", Count: int(n),
			Says: fmt.Sprintf("%d file descriptors below network or FUSE mounts were not looked at, where a dead server would hang the scan: FIFOs and who holds locks there are not shown", n)})
	}
	if f.hides = c.hidden(); f.hides {
		f.faults = append(f.faults, schema.Fault{Source: "processes", Denied: true, Says: "/proc is mounted with hidepid: other users' processes are not shown; root with CAP_SYS_PTRACE sees all"})
	}
	f.cpu = c.cpu.measure(s.Taken, procs)
	s.Cost = append(s.Cost, Cost{"walk", time.Since(begin)})
}

// hidden says whether /proc keeps other users' processes from us (hidepid=1, 2, noaccess, invisible, ptraceable: proc(5)).
func (c *Collector) hidden() bool {
	if c.hidesKnown || !c.host.Live() {
		return c.hides
	}
	c.hidesKnown = true
	mounts, err := procfs.GetMounts()
	if err != nil {
		return false
	}
	for _, m := range mounts {
		if m.MountPoint == "/proc" {
			v, has := m.SuperOptions["hidepid"]
			c.hides = has && v != "0" && v != "off" && !kernel.MayTraceAll()
		}
	}
	return c.hides
}

func (c *Collector) mechanism(m *Mechanism, req Request, s *Snapshot, f *Facts) {
	if req.Gauges && m.Gauges != nil {
		g, err := m.Gauges(f)
		f.Fault(string(m.Kind), err)
		s.Gauges = append(s.Gauges, g...)
	}
	if _, ok := f.Want[m.Kind]; !ok {
		return
	}
	begin := time.Now()
	objects, err := m.Collect(f)
	f.Fault(string(m.Kind), err)
	if objects == nil {
		objects = []*schema.Object{}
	}
	s.Objects[m.Kind], f.listed[m.Kind] = objects, objects
	if req.Edges && m.Relate != nil {
		s.Edges = append(s.Edges, m.Relate(f, objects)...)
	}
	if req.Findings && m.Diagnose != nil {
		s.Findings = append(s.Findings, m.Diagnose(f, objects)...)
	}
	s.Cost = append(s.Cost, Cost{string(m.Kind), time.Since(begin)})
}
