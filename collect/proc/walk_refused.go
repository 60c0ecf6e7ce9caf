package proc

import (
	"cmp"
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// recordRefusals records the processes that refused a source.
func (t *Tick) recordRefusals() {
	for _, p := range t.procs {
		for source, err := range map[string]error{"fd": p.FDErr, "maps": p.MapsErr, "syscall": cmp.Or(p.WaitErr, p.TaskErr),
			"ns": p.NSErr} {
			if sys.Denied(err) {
				t.Refuse(source, p)
			}
		}
	}
}

// Refuse records that a process refused a source: "fd", "maps", "syscall" or "ns".
func (t *Tick) Refuse(source string, p *Process) {
	if t.unseen == nil {
		t.unseen = map[string][]*Process{}
	}
	t.unseen[source] = append(t.unseen[source], p)
}

// Refused lists the processes that refused a source.
func (t *Tick) Refused(source string) []*Process { return t.unseen[source] }

// refusals returns one fault for each source that processes refused. If the mappings of every segment were found,
// refused maps hide nothing.
func (t *Tick) refusals() []schema.Fault {
	advice := "root sees all"
	if sys.EffectiveUID() == 0 {
		advice = "a security module, a user namespace or a missing capability keeps them from root"
	}
	var faults []schema.Fault
	for _, s := range []struct{ source, what, hides string }{
		{"fd", "file descriptors", "who holds what there is not shown"},
		{"maps", "memory maps", "who maps what there is not shown"},
		{"syscall", "system calls", "who waits there is not shown"},
		{"ns", "namespaces", "those of theirs alone are not shown"},
	} {
		n := len(t.unseen[s.source])
		if n == 0 || s.source == "maps" && t.mapsFound && !asked[fileIndex](t) || s.source == "ns" &&
			!t.Needs.Has(NeedNamespaces) {
			continue
		}
		faults = append(faults, schema.Fault{Source: s.source, Denied: true, Count: n,
			Says: fmt.Sprintf("the %s of %s could not be read (permission denied): %s; %s", s.what, t.refusedBy(s.source),
				s.hides, advice)})
	}
	return faults
}

// refusedBy names the only process that refused a source, or counts the processes. Kernel threads have namespaces
// only, so they count only for "ns".
func (t *Tick) refusedBy(source string) string {
	refused := t.unseen[source]
	if len(refused) == 1 {
		return fmt.Sprintf("process %d/%s", refused[0].PID, refused[0].Comm)
	}
	asked := 0
	for _, p := range t.procs {
		if source == "ns" || !p.KernelThread() {
			asked++
		}
	}
	return fmt.Sprintf("%d of %d processes", len(refused), asked)
}
