package collect

import (
	"bytes"
	"time"

	"github.com/ipctop/ipctop/collect/ftok"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// Collector takes snapshots of one Host. Between snapshots it keeps facts that save work: names of users, CPU times,
// and descriptors of processes that have not run. Only one goroutine may use it at a time.
type Collector struct {
	host       *kernel.Host
	mechanisms []*kinds.Mechanism
	aspects    []kinds.Aspect
	now        func() time.Time
	kept       proc.Kept
	notes      []string // of every snapshot
	edges      int      // room for the edges of the next snapshot
}

// New returns a Collector for all kinds of Mechanisms. now is its clock.
func New(host *kernel.Host, now func() time.Time, settings ...Setting) *Collector {
	c := &Collector{host: host, mechanisms: Mechanisms(), aspects: Aspects(), now: now}
	for _, set := range settings {
		set(c)
	}
	return c
}

// Setting changes how a Collector works.
type Setting func(*Collector)

// WithSignatures makes the Collector recognise software by s, instead of by the built-in signatures only. nil changes
// nothing.
func WithSignatures(s *software.Signatures) Setting {
	return func(c *Collector) {
		if s != nil {
			software.Use(&c.kept, s)
		}
	}
}

// WithNote adds a note to every snapshot.
func WithNote(says string) Setting {
	return func(c *Collector) { c.notes = append(c.notes, says) }
}

// WithLaunchers tells the Collector that its ancestors with these pids know no objects. It sees by itself that shells,
// terminals and sudo only launch it. Any other ancestor, or one whose program it may not see, counts as a possible
// user.
func WithLaunchers(pids ...int) Setting {
	return func(c *Collector) { leaks.TrustAncestors(&c.kept, pids...) }
}

// WithSource makes the walk over the processes take one of its sources: see proc.UseSource.
func WithSource(source proc.Source) Setting {
	return func(c *Collector) { proc.UseSource(&c.kept, source) }
}

// Take reads what req names. It never fails as a whole. The Snapshot's Faults name what could not be read.
func (c *Collector) Take(req Request) *Snapshot {
	var edges []schema.Edge
	if req.Edges && c.edges > 0 {
		edges = make([]schema.Edge, 0, c.edges)
	}
	s := c.TakeParts(req, Parts{Edge: func(e schema.Edge) { edges = append(edges, e) }})
	s.Edges, c.edges = edges, len(edges)+len(edges)/8
	return s
}

// TakeParts is Take for an output that is written while the snapshot is collected.
func (c *Collector) TakeParts(req Request, to Parts) *Snapshot {
	begin := time.Now()
	s := &Snapshot{Taken: c.now(), Request: req, Objects: map[schema.Kind][]*schema.Object{}}
	f, list := c.startTick(s)
	if to.Begin != nil {
		to.Begin(s)
	}
	for _, m := range c.mechanisms {
		c.mechanism(m, s, list)
		if objects, ok := s.Objects[m.Kind]; ok && to.Objects != nil {
			to.Objects(m.Kind, objects)
		}
	}
	if req.Edges {
		for _, m := range c.mechanisms {
			s.relate(m, f, to.Edge)
		}
	}
	kinds.NoteOtherIPC(f)
	kinds.NoteOtherShm(f)
	s.Faults, s.Notes = f.Report()
	s.Notes = append(s.Notes, c.notes...)
	s.ways = f.Ways()
	s.makeIndex()
	s.Total = time.Since(begin)
	return s
}

// FindKey looks for the file from which ftok(3) made a key. It searches the files that living processes know.
func (c *Collector) FindKey(key uint32) *ftok.Search {
	f, _ := c.startTick(&Snapshot{Taken: c.now(),
		Request: Request{Want: map[schema.Kind]schema.Need{schema.Proc: ftok.SearchNeeds}}})
	s := ftok.Find(f, key)
	s.Faults, _ = f.Report()
	return s
}

// startTick begins a snapshot. It reads what all mechanisms share.
func (c *Collector) startTick(s *Snapshot) (*proc.Tick, *lister) {
	ask := c.ask(&s.Request)
	s.Host = c.readLine("/proc/sys/kernel/hostname")
	s.BootID = c.readLine("/proc/sys/kernel/random/boot_id")
	var rows []proc.Descriptor
	for _, m := range c.mechanisms {
		if m.Descriptor != nil {
			rows = append(rows, *m.Descriptor)
		}
	}
	f, took, walked := proc.Begin(c.host, rows, &c.kept, s.Taken, ask)
	s.IPCNamespace, s.Source = f.IPCSelf, f.Source()
	if walked {
		s.Cost = append(s.Cost, Cost{"walk", took})
	}
	list := &lister{f: f, mechanisms: c.mechanisms, done: map[schema.Kind][]*schema.Object{}}
	f.Objects = list.objects
	return f, list
}

// ask joins the needs of the columns with the needs of the mechanisms themselves.
func (c *Collector) ask(req *Request) proc.Ask {
	ask := proc.Ask{Want: map[schema.Kind]schema.Need{}, Info: map[schema.Kind]bool{}, AllNamespaces: req.AllNamespaces,
		Detail: req.Detail, Grace: req.grace()}
	for _, m := range c.mechanisms {
		if req.Detail.Kind == m.Kind {
			ask.Extra |= m.NeedsOf(m.OnDemand)
		}
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
		ask.Want[m.Kind] = n
		for _, kind := range m.Info {
			ask.Info[kind] = true
		}
	}
	return ask
}

func (c *Collector) readLine(path string) string {
	text, err := c.host.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// mechanism adds one kind to the snapshot, with the notes of the aspects.
func (c *Collector) mechanism(m *kinds.Mechanism, s *Snapshot, list *lister) {
	f := list.f
	if s.Request.Gauges && m.Gauges != nil {
		g, err := m.Gauges(f)
		f.Fault(string(m.Kind), err)
		s.Gauges = append(s.Gauges, g...)
	}
	if _, ok := f.Want[m.Kind]; !ok {
		return
	}
	begin := time.Now()
	objects := list.withAspects(m.Kind, c.aspects)
	s.Objects[m.Kind] = objects
	if s.Request.Findings {
		s.Findings = append(s.Findings, c.findings(m, f, objects)...)
	}
	if m.Pending != nil {
		s.Pending = s.Pending || m.Pending(f)
	}
	s.Cost = append(s.Cost, Cost{string(m.Kind), time.Since(begin)})
}

// findings are the findings of a kind, and those of the aspects on its objects.
func (c *Collector) findings(m *kinds.Mechanism, t *proc.Tick, objects []*schema.Object) []schema.Finding {
	var all []schema.Finding
	if m.Diagnose != nil {
		all = m.Diagnose(t, objects)
	}
	for _, a := range c.aspects {
		if _, ok := a.Of[m.Kind]; ok && a.Diagnose != nil {
			all = append(all, a.Diagnose(t, m.Kind, objects)...)
		}
	}
	return all
}
