package doctor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
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
			Advice: "The parent has to wait for its children: its program has a bug, or it is stopped or stuck " +
				"(`ipctop waits`). Signals do nothing to a zombie; when the parent ends, init takes them all away."}
		if p := names[parent]; p != nil {
			if x.firstOfSpace(p) && !isInit(p.Comm) {
				f.Evidence, f.Advice = append(f.Evidence, firstDoesNotReap), reapingInit
			}
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

const (
	firstDoesNotReap = "it is pid 1 of its pid namespace, so it gets every process there whose parent has ended, " +
		"and has to wait for it"
	reapingInit = "Run the program under an init that waits for orphans: `docker run --init`, tini or dumb-init as " +
		"the first process of the image, in Kubernetes such an image or shareProcessNamespace. " +
		"Signals do nothing to a zombie; the end of pid 1 ends its whole container."
)

// firstOfSpace reports whether the process is pid 1 of its pid namespace. The kernel makes pid 1 the parent of all
// processes there whose parent has ended (find_new_reaper in kernel/exit.c).
func (x *examination) firstOfSpace(p *kinds.ProcRow) bool {
	if p.PID == 1 {
		return true
	}
	dir, err := proc.OpenLiving(x.host, p.PID)
	if err != nil {
		return false // it has just ended
	}
	defer dir.Close()
	text, err := dir.Read("status", nil)
	if err != nil {
		return false
	}
	pids, err := process.ParseNSPids(text)
	return err == nil && len(pids) > 0 && pids[len(pids)-1] == 1
}

// isInit reports whether the name is that of an init that waits for orphans. Its zombies are young, or it is stuck.
func isInit(comm string) bool {
	return slices.Contains([]string{"systemd", "init", "tini", "tini-static", "docker-init", "dumb-init", "catatonit",
		"runit", "runsvdir", "s6-svscan", "openrc-init", "finit", "pause", "podman-init"}, comm)
}
