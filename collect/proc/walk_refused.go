package proc

import (
	"cmp"
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// account remembers which processes refused which source.
func (f *Tick) account() {
	for _, p := range f.procs {
		for source, err := range map[string]error{"fd": p.FDErr, "maps": p.MapsErr, "syscall": cmp.Or(p.WaitErr, p.TaskErr), "ns": p.NSErr} {
			if kernel.Denied(err) {
				f.Refuse(source, p)
			}
		}
	}
}

// Refuse notes that a process refused a source: "fd", "maps", "syscall", "ns".
func (f *Tick) Refuse(source string, p *Process) {
	if f.unseen == nil {
		f.unseen = map[string][]*Process{}
	}
	f.unseen[source] = append(f.unseen[source], p)
}

// Refused are the processes that refused a source.
func (f *Tick) Refused(source string) []*Process { return f.unseen[source] }

// refusals says of each source how many processes refused it. Maps that were refused hide nothing if every segment's mappings were found.
func (f *Tick) refusals() []schema.Fault {
	advice := "root sees all"
	if kernel.EffectiveUID() == 0 {
		advice = "a security module, a user namespace or a missing capability keeps them from root"
	}
	var faults []schema.Fault
	for _, s := range []struct{ source, what, hides string }{
		{"fd", "file descriptors", "who holds what there is not shown"}, {"maps", "memory maps", "who maps what there is not shown"},
		{"syscall", "system calls", "who waits there is not shown"}, {"ns", "namespaces", "those of theirs alone are not shown"},
	} {
		n := len(f.unseen[s.source])
		if n == 0 || s.source == "maps" && f.mapsFound && !Asked[fileIndex](f) || s.source == "ns" && !f.Needs.Has(NeedNamespaces) {
			continue
		}
		faults = append(faults, schema.Fault{Source: s.source, Denied: true, Count: n,
			Says: fmt.Sprintf("the %s of %s could not be read (permission denied): %s; %s", s.what, f.refusers(s.source), s.hides, advice)})
	}
	return faults
}

// refusers names the one process that refused a source, or counts them among those that were asked: kernel threads have but namespaces.
func (f *Tick) refusers(source string) string {
	refused := f.unseen[source]
	if len(refused) == 1 {
		return fmt.Sprintf("process %d/%s", refused[0].PID, refused[0].Comm)
	}
	asked := 0
	for _, p := range f.procs {
		if source == "ns" || !p.KernelThread() {
			asked++
		}
	}
	return fmt.Sprintf("%d of %d processes", len(refused), asked)
}
