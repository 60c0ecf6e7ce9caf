package collect

import (
	"fmt"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// shmRow is a shared memory segment.
type shmRow struct {
	kernel.ShmSegment
	owners  ipcOwners
	age     schema.Value
	status  []string
	creator schema.Value // creator_state
	command schema.Value
	holders schema.Value
	maps    []shmMaps
}

// shmMaps is a process that maps a segment.
type shmMaps struct {
	*Process
	count int  // mappings
	huge  bool // on a device of huge pages
}

// The words of a segment's status.
const (
	StatusDest    = "dest"    // removed, destroyed on the last detach
	StatusLocked  = "locked"  // never swapped out
	StatusHugeTLB = "hugetlb" // in huge pages, as its mappings show
)

func shmMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Shm, Family: Memory, Title: "System V shared memory segments",
		Help:    "shared memory segments: their memory, who has them attached, and what became of their creators",
		Columns: shmColumns(),
		Default: []string{"key", "owner", "perms", "size", "nattch", "status", "rss", "cpid", "creator_state", "age", "app", "holders"},
		Relates: schema.NeedProcs | schema.NeedMaps,
		Collect: collectShm,
		Relate:  relateShm,
		Gauges:  shmGauges,
		Label:   func(o *schema.Object) string { return keyLabel(o.Row.(*shmRow).IPCPerm) },
	}
}

func shmColumns() []schema.Column {
	type row = shmRow
	col := schema.Col[row]
	resident := func(id, help string, get func(*row) uint64) schema.Column {
		return col(id, schema.TypeBytes, 7, schema.NeedResident, help, func(r *row) schema.Value {
			if !r.HasRSS {
				return schema.Uncollected(schema.TypeBytes)
			}
			return schema.Bytes(get(r))
		})
	}
	return append(ownerColumns(func(r *row) *ipcOwners { return &r.owners }),
		col("size", schema.TypeBytes, 7, 0, "size that was asked for", func(r *row) schema.Value { return schema.Bytes(r.Size) }),
		resident("rss", "bytes of it in memory", func(r *row) uint64 { return r.RSS }),
		resident("swap", "bytes of it in swap", func(r *row) uint64 { return r.Swap }),
		countColumn("nattch", 6, "mappings of it in all processes", func(r *row) uint64 { return r.NAttch }),
		col("status", schema.TypeString, 10, 0, "dest: removed, gone with its last detach; locked: never swapped out; hugetlb: in huge pages",
			func(r *row) schema.Value { return statusValue(strings.Join(r.status, ",")) }),
		timeColumn("attach", "when it was last attached", func(r *row) int64 { return r.ATime }),
		timeColumn("detach", "when it was last detached", func(r *row) int64 { return r.DTime }),
		timeColumn("ctime", "when it was made or its owner or permissions changed", func(r *row) int64 { return r.CTime }),
		col("age", schema.TypeDuration, 7, 0, "time since ctime", func(r *row) schema.Value { return r.age }),
		pidColumn("cpid", "pid of the creator; blank outside this pid namespace", func(r *row) int32 { return r.CPid }),
		pidColumn("lpid", "pid of the last attach or detach; blank for nobody or outside this pid namespace", func(r *row) int32 { return r.LPid }),
		col("command", schema.TypeString, 16, schema.NeedProcs, "command name of the creator, if it lives", func(r *row) schema.Value { return r.command }),
		col("creator_state", schema.TypeString, 8, schema.NeedProcs,
			"what became of the creator: alive, dead, reused (its pid is another process), outside (of this pid namespace), unknown",
			func(r *row) schema.Value { return r.creator }).Titled("CREATOR"),
		col("holders", schema.TypeEndpoints, 24, schema.NeedProcs|schema.NeedMaps, "processes that have it attached, with their number of mappings",
			func(r *row) schema.Value { return r.holders }),
	)
}

func collectShm(f *Facts) ([]*schema.Object, error) {
	segments, err := f.Host.ShmSegments(f.Needs.Has(schema.NeedResident))
	groups, n := inSpaces(f, segments, func(c *ipcContent) []kernel.ShmSegment { return c.segments })
	var holders map[segmentKey][]shmMaps
	if f.Needs.Has(schema.NeedMaps) {
		holders = f.segmentHolders(groups)
	}
	all := true
	rows, objects := newObjects[shmRow](n)
	i := 0
	for _, g := range groups {
		for _, s := range g.list {
			ref := sysvRef(schema.Shm, g.place, s.IPCPerm, s.CTime)
			objects[i].Ref = ref
			r := &rows[i]
			*r = shmRow{ShmSegment: s, owners: f.owners(s.IPCPerm, g.place), age: f.Age(s.CTime), maps: holders[segmentKey{ref.Space, ref.ID}]}
			f.shmCreator(ref, r)
			all = f.shmHolders(ref, r) && all
			r.status = shmStatus(r)
			i++
		}
	}
	f.MapsFound(all)
	return objects, err
}

func (f *Facts) shmCreator(ref schema.Ref, r *shmRow) {
	r.creator, r.command = schema.Uncollected(schema.TypeString), schema.Uncollected(schema.TypeString)
	if !f.gathered(ref, schema.NeedProcs) {
		return
	}
	state := f.CreatorState(int(r.CPid), r.CTime)
	r.creator, r.command = schema.String(state), schema.None(schema.TypeString)
	if state == CreatorAlive {
		r.command = schema.String(f.Process(int(r.CPid)).Comm)
	}
}

// shmHolders lists who maps the segment. nattch counts the mappings of all processes (ipc/shm.c), so that all holders are known
// if theirs add up to it; the rest is in processes that refused to be looked into, or outside this pid namespace.
// all says that nobody is missing, as far as somebody asked.
func (f *Facts) shmHolders(ref schema.Ref, r *shmRow) (all bool) {
	if !f.gathered(ref, schema.NeedMaps) {
		r.holders = schema.Uncollected(schema.TypeEndpoints)
		return true
	}
	found := 0
	ends := make([]schema.Endpoint, 0, len(r.maps))
	for _, m := range r.maps {
		e := f.Endpoint(m.Process, -1, "")
		e.Maps = m.count
		ends = append(ends, e)
		found += m.count
	}
	missing := uint64(found) < r.NAttch
	r.holders = schema.Endpoints(ends, missing)
	return !missing
}

func shmStatus(r *shmRow) []string {
	var words []string
	if r.Dest() {
		words = append(words, StatusDest)
	}
	if r.Locked() {
		words = append(words, StatusLocked)
	}
	if len(r.maps) > 0 && r.maps[0].huge {
		words = append(words, StatusHugeTLB)
	}
	return words
}

// segmentKey is a segment: its namespace (0: the reader's own) and its shmid.
type segmentKey struct{ space, id uint64 }

// segmentHolders finds the processes that map each segment. A mapping's inode is the shmid, its name the key that
// the segment was made with (newseg, ipc/shm.c); memfds and shared anonymous memory live on the same device with inode numbers
// that collide, so device and name have to agree too. The name stays when IPC_RMID makes the key 0. Segments of all IPC
// namespaces have the same device and the same ids: a segment's holders are processes of its namespace.
func (f *Facts) segmentHolders(groups []inSpace[kernel.ShmSegment]) map[segmentKey][]shmMaps {
	byID := map[segmentKey]*kernel.ShmSegment{}
	for _, g := range groups {
		for i := range g.list {
			byID[segmentKey{g.place.space, uint64(g.list[i].ID)}] = &g.list[i]
		}
	}
	devices := f.segmentDevices() // none for a file tree: there the name has to do
	holders := map[segmentKey][]shmMaps{}
	for _, p := range f.Processes() {
		space := f.ipcSpaceOf(p)
		for _, m := range p.shared {
			key := segmentKey{space, m.Ino}
			s := byID[key]
			huge, known := devices[m.Dev]
			if s == nil || devices != nil && !known || !namesSegment(m.Name, s) {
				continue
			}
			list := holders[key]
			if n := len(list); n > 0 && list[n-1].Process == p {
				list[n-1].count++
				continue
			}
			holders[key] = append(list, shmMaps{Process: p, count: 1, huge: huge})
		}
	}
	return holders
}

func namesSegment(name string, s *kernel.ShmSegment) bool {
	if s.Dest() {
		return strings.HasPrefix(name, segmentName)
	}
	return name == fmt.Sprintf("/SYSV%08x (deleted)", s.Key)
}

func relateShm(f *Facts, objects []*schema.Object) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		r := o.Row.(*shmRow)
		for _, m := range r.maps {
			via := "1 mapping"
			if m.count != 1 {
				via = fmt.Sprintf("%d mappings", m.count)
			}
			edges = append(edges, schema.Edge{From: m.Ref(), To: o.Ref, Rel: schema.RelMaps, Via: via, Proof: schema.Observed})
		}
		edges = append(edges, f.userEdge(r.CPid, r.CTime, o.Ref, schema.RelCreated, "shmget")...)
		edges = append(edges, f.userEdge(r.LPid, max(r.ATime, r.DTime), o.Ref, schema.RelLastUsed, "shmat or shmdt")...)
	}
	return edges
}

func shmGauges(f *Facts) ([]schema.Gauge, error) {
	info, err := f.Host.ShmInfo()
	if err != nil {
		return nil, err
	}
	return []schema.Gauge{
		{Kind: schema.Shm, What: "segments", Used: info.Segments, Limit: info.MNI, Type: schema.TypeInt, Knob: "kernel.shmmni"},
		{Kind: schema.Shm, What: "pages", Used: info.Pages, Limit: info.All, Type: schema.TypeInt, Knob: "kernel.shmall"},
	}, nil
}
