package kinds

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// ShmRow is a shared memory segment.
type ShmRow struct {
	sysv.ShmSegment
	Owners  IPCOwners
	age     schema.Value
	Status  []string
	creator schema.Value // creator_state
	command schema.Value
	Holders schema.Value
	Maps    []ShmMaps
}

// ShmMaps is a process that maps a segment.
type ShmMaps struct {
	*proc.Process
	Count int  // mappings
	huge  bool // on a device of huge pages
}

// The words of a segment's status.
const (
	StatusDest    = "dest"    // removed; destroyed at the last detach
	StatusLocked  = "locked"  // never swapped out
	StatusHugeTLB = "hugetlb" // in huge pages, as its mappings show
)

// Shm is the Mechanism of System V shared memory segments.
func Shm() *Mechanism {
	return &Mechanism{
		Kind: schema.Shm, Family: Memory, Title: "System V shared memory segments",
		Help:    "shared memory segments: their memory, who has them attached, and what became of their creators",
		Costs:   []schema.Cost{{Need: NeedResident, Name: "resident pages"}},
		Columns: shmColumns(),
		Default: []string{"key", "owner", "perms", "size", "nattch", "status", "rss", "cpid", "creator_state", "age",
			"holders"},
		Relates: proc.NeedProcs | proc.NeedMaps,
		Collect: collectShm,
		Relate:  relateShm,
		Gauges:  shmGauges,
		Label:   func(o *schema.Object) string { return keyLabel(o.Row.(*ShmRow).IPCPerm) },
	}
}

func shmColumns() []schema.Column {
	type row = ShmRow
	col := schema.Col[row]
	resident := func(id, help string, get func(*row) uint64) schema.Column {
		return col(id, schema.TypeBytes, 7, NeedResident, help, func(r *row) schema.Value {
			if !r.HasRSS {
				return schema.Uncollected(schema.TypeBytes)
			}
			return schema.Bytes(get(r))
		})
	}
	return append(ownerColumns(func(r *row) *IPCOwners { return &r.Owners }),
		col("size", schema.TypeBytes, 7, 0, "size that was asked for",
			func(r *row) schema.Value { return schema.Bytes(r.Size) }),
		resident("rss", "bytes of it in memory", func(r *row) uint64 { return r.RSS }),
		resident("swap", "bytes of it in swap", func(r *row) uint64 { return r.Swap }),
		countColumn("nattch", 6, "mappings of it in all processes", func(r *row) uint64 { return r.NAttch }),
		col("status", schema.TypeString, 10, 0,
			"dest: removed, gone with its last detach; locked: never swapped out; hugetlb: in huge pages",
			func(r *row) schema.Value { return WordValue(strings.Join(r.Status, ",")) }),
		timeColumn("attach", "when it was last attached", func(r *row) int64 { return r.ATime }),
		timeColumn("detach", "when it was last detached", func(r *row) int64 { return r.DTime }),
		timeColumn("ctime", "when it was made or its owner or permissions changed",
			func(r *row) int64 { return r.CTime }),
		col("age", schema.TypeDuration, 7, 0, "time since ctime", func(r *row) schema.Value { return r.age }),
		pidColumn("cpid", "pid of the creator; blank outside this pid namespace", func(r *row) int32 { return r.CPid }),
		pidColumn("lpid", "pid of the last attach or detach; blank for nobody or outside this pid namespace",
			func(r *row) int32 { return r.LPid }),
		col("command", schema.TypeString, 16, proc.NeedProcs, "command name of the creator, if it lives",
			func(r *row) schema.Value { return r.command }),
		col("creator_state", schema.TypeString, 8, proc.NeedProcs,
			"what became of the creator, as far as times tell: alive, dead, reused (its pid is another process), "+
				"outside (of this pid namespace), unknown",
			func(r *row) schema.Value { return r.creator }).Titled("CREATOR"),
		col("holders", schema.TypeEndpoints, 24, proc.NeedProcs|proc.NeedMaps,
			"processes that have it attached, with their number of mappings",
			func(r *row) schema.Value { return r.Holders }),
	)
}

func collectShm(t *proc.Tick) ([]*schema.Object, error) {
	segments, err := t.Host.ShmSegments(t.Needs.Has(NeedResident))
	groups, n := inSpaces(t, segments, func(c *ipcContent) []sysv.ShmSegment { return c.segments })
	var holders map[segmentKey][]ShmMaps
	if t.Needs.Has(proc.NeedMaps) {
		holders = segmentHolders(t, groups)
	}
	all := true
	rows, objects := NewObjects[ShmRow](n)
	i := 0
	for _, g := range groups {
		for _, s := range g.list {
			ref := SysvRef(schema.Shm, g.place, s.IPCPerm, s.CTime)
			objects[i].Ref = ref
			r := &rows[i]
			*r = ShmRow{ShmSegment: s, Owners: owners(t, s.IPCPerm, g.place), age: t.Age(s.CTime),
				Maps: holders[segmentKey{ref.Space, ref.ID}]}
			shmCreator(t, ref, r)
			all = shmHolders(t, ref, r) && all
			r.Status = shmStatus(r)
			i++
		}
	}
	t.MapsFound(all)
	return objects, err
}

func shmCreator(t *proc.Tick, ref schema.Ref, r *ShmRow) {
	r.creator, r.command = schema.Uncollected(schema.TypeString), schema.Uncollected(schema.TypeString)
	if !t.Gathered(ref, proc.NeedProcs) {
		return
	}
	state := t.CreatorState(int(r.CPid), r.CTime)
	r.creator, r.command = schema.String(state), schema.None(schema.TypeString)
	if state == proc.CreatorAlive {
		r.command = schema.String(t.Process(int(r.CPid)).Comm)
	}
}

// shmHolders lists the processes that map the segment. nattch counts the mappings of all processes (ipc/shm.c). If
// the known mappings add up to nattch, all holders are known. Other holders are processes that refused, or processes
// outside this pid namespace. all is true if no holder is missing, as far as the needs ask.
func shmHolders(t *proc.Tick, ref schema.Ref, r *ShmRow) (all bool) {
	if !t.Gathered(ref, proc.NeedMaps) {
		r.Holders = schema.Uncollected(schema.TypeEndpoints)
		return true
	}
	found := 0
	ends := make([]schema.Endpoint, 0, len(r.Maps))
	for _, m := range r.Maps {
		e := t.Endpoint(m.Process, -1, "")
		e.Maps = m.Count
		ends = append(ends, e)
		found += m.Count
	}
	missing := uint64(found) < r.NAttch
	r.Holders = schema.Endpoints(ends, missing)
	return !missing
}

func shmStatus(r *ShmRow) []string {
	var words []string
	if r.Dest() {
		words = append(words, StatusDest)
	}
	if r.Locked() {
		words = append(words, StatusLocked)
	}
	if len(r.Maps) > 0 && r.Maps[0].huge {
		words = append(words, StatusHugeTLB)
	}
	return words
}

// segmentKey is a segment: its namespace (0: the reader's own) and its shmid.
type segmentKey struct{ space, id uint64 }

// segmentHolders finds the processes that map each segment. The inode of a mapping is the shmid. Its name holds the
// key at the creation (newseg, ipc/shm.c), and stays when IPC_RMID sets the key to 0. Memfds and shared anonymous
// memory are on the same device and may have the same inode numbers. So device and name must match, too. Segments of
// all IPC namespaces share the device and the ids. So the holders of a segment must be processes of its namespace.
// Each thread may have attached segments of its own namespace.
func segmentHolders(t *proc.Tick, groups []inSpace[sysv.ShmSegment]) map[segmentKey][]ShmMaps {
	byID := map[segmentKey]*sysv.ShmSegment{}
	for _, g := range groups {
		for i := range g.list {
			byID[segmentKey{g.place.Space, uint64(g.list[i].ID)}] = &g.list[i]
		}
	}
	devices := t.SegmentDevices() // nil for a file tree, where the name alone decides
	holders := map[segmentKey][]ShmMaps{}
	for _, p := range t.Processes() {
		if len(p.Shared) == 0 {
			continue
		}
		spaces := t.IPCSpacesOf(p)
		for _, m := range p.Shared {
			huge, known := devices[m.Dev]
			at := slices.IndexFunc(spaces, func(space uint64) bool {
				s := byID[segmentKey{space, m.Ino}]
				return s != nil && namesSegment(m.Name, s)
			})
			if at < 0 || devices != nil && !known {
				continue
			}
			key := segmentKey{spaces[at], m.Ino}
			list := holders[key]
			if n := len(list); n > 0 && list[n-1].Process == p {
				list[n-1].Count++
				continue
			}
			holders[key] = append(list, ShmMaps{Process: p, Count: 1, huge: huge})
		}
	}
	return holders
}

func namesSegment(name string, s *sysv.ShmSegment) bool {
	if s.Dest() {
		return strings.HasPrefix(name, proc.SegmentName)
	}
	return name == fmt.Sprintf("/SYSV%08x (deleted)", s.Key)
}

func relateShm(t *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		r := o.Row.(*ShmRow)
		for _, m := range r.Maps {
			add(schema.Edge{From: m.Ref(), To: o.Ref, Rel: schema.RelMaps, Via: schema.ByMappings(m.Count),
				Proof: schema.Observed})
		}
		userEdge(t, r.CPid, r.CTime, o.Ref, schema.RelCreated, "shmget", add)
		userEdge(t, r.LPid, max(r.ATime, r.DTime), o.Ref, schema.RelLastUsed, "shmat or shmdt", add)
	}
}

// AbsentCreator returns the pid of the creator if it lives and does not map the segment. Those who map the segment may
// only serve the creator, as an X server does for its clients (MIT-SHM). ok is false if the creator's state or the
// mappings were not read.
func (r *ShmRow) AbsentCreator() (pid int, ok bool) {
	alive := r.creator.IsKnown() && r.creator.Str() == proc.CreatorAlive
	maps := slices.ContainsFunc(r.Maps, func(m ShmMaps) bool { return m.PID == int(r.CPid) })
	return int(r.CPid), alive && !maps && r.Holders.IsKnown() && !r.Holders.Partial()
}

// Pages is the number of pages that the segment counts in kernel.shmall, written or not (newseg in ipc/shm.c).
func (r *ShmRow) Pages() uint64 {
	page := sys.PageSize()
	return r.Size/page + min(1, r.Size%page)
}

func shmGauges(t *proc.Tick) ([]schema.Gauge, error) {
	info, err := t.Host.ShmInfo()
	if err != nil {
		return nil, err
	}
	return []schema.Gauge{
		{Kind: schema.Shm, What: "segments", Used: info.Segments, Limit: info.MNI, Type: schema.TypeInt,
			Knob: "kernel.shmmni"},
		{Kind: schema.Shm, What: "pages", Used: info.Pages, Limit: info.All, Type: schema.TypeInt,
			Knob: "kernel.shmall"},
	}, nil
}
