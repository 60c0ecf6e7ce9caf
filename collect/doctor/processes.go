package doctor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// manyZombies is the number of zombies of one parent that makes a warning. Fewer are often gone after a moment.
const manyZombies = 10

// zombies names the parents that have not waited for their ended children. A zombie holds only its pid and its entry in
// the process table (man 2 wait). Too many zombies use up the pids.
func zombies(x *examination) []schema.Finding {
	dead := map[schema.Ref][]*kinds.ProcRow{}
	names := map[schema.Ref]*kinds.ProcRow{}
	rowsOf(x, schema.Proc, func(ref schema.Ref, r *kinds.ProcRow) {
		names[ref] = r
		if r.State == 'Z' {
			dead[r.Parent] = append(dead[r.Parent], r)
		}
	})
	var parents []schema.Ref
	for parent := range dead {
		parents = append(parents, parent)
	}
	slices.SortFunc(parents, func(a, b schema.Ref) int {
		return cmp.Or(cmp.Compare(len(dead[b]), len(dead[a])), schema.CompareRefs(a, b))
	})
	most, _ := x.sysctl("kernel.pid_max")
	var all []schema.Finding
	for i, parent := range parents {
		if i == manyFindings {
			all = append(all, schema.Finding{Kind: "zombies", Severity: schema.Info, Proof: schema.Observed,
				Says:   fmt.Sprintf("%d more processes have not waited for zombies", len(parents)-i),
				Advice: "See them all: `ipctop --once proc --where 'state == \"Z\"'`"})
			break
		}
		list := dead[parent]
		n := uint64(len(list))
		who := "a process that is not seen"
		f := schema.Finding{Kind: "zombies", Severity: schema.Info, Proof: schema.Observed,
			Advice: "The parent has to wait for its children: its program has a bug, or it is stopped or stuck (`ipctop " +
				"waits`). Signals do nothing " +
				"to a zombie; when the parent ends, init takes them all away."}
		if p := names[parent]; p != nil {
			who = fmt.Sprintf("%d/%s", p.PID, p.Comm)
			f.Refs = append(f.Refs, parent)
			f.Evidence = append(f.Evidence, fmt.Sprintf("the parent's state is %c (ps's letter)", p.State))
		}
		f.Says = fmt.Sprintf("%s has not waited for %s", who, schema.Counted(n, "zombie"))
		oldest := slices.MinFunc(list, func(a, b *kinds.ProcRow) int { return cmp.Compare(a.Start, b.Start) })
		began := ""
		if !oldest.Started.IsZero() {
			began = fmt.Sprintf(", which started %s ago", ageWords(x.snap.Taken.Sub(oldest.Started)))
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("the oldest is %d/%s%s", oldest.PID, oldest.Comm, began))
		for _, z := range list[:min(5, len(list))] {
			f.Refs = append(f.Refs, z.Ref())
		}
		switch {
		case most > 0 && n >= most/2:
			f.Severity = schema.Critical
			f.Evidence = append(f.Evidence,
				fmt.Sprintf("that is half of all pids (kernel.pid_max is %d): at its end fork fails with EAGAIN", most))
		case n >= manyZombies:
			f.Severity = schema.Warning
		}
		all = append(all, f)
	}
	return all
}
