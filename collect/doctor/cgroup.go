package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/machine"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// groupTasks compares the processes and threads of each control group with pids.max of the group and of those above it
// (pids_can_fork in kernel/cgroup/pids.c).
func groupTasks(x *examination) []schema.Finding {
	members := x.groupMembers()
	seen := map[string]bool{}
	below, told := false, false // a group below the root of its hierarchy was seen; its limit was
	var all []schema.Finding
	for _, leaf := range slices.Sorted(maps.Keys(members)) {
		for dir := leaf; strings.HasPrefix(dir, groupRoot) && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			g, limited, err := x.host.PidsGroup(dir)
			below = below || dir != groupRoot && dir != groupRoot+"/pids"
			if sys.Gone(err) || !x.read(path.Join(dir, "pids.max"), err) {
				continue // the group has ended, or has no such controller
			}
			told = true
			if limited {
				all = append(all, x.groupLimit(g, members)...)
			}
		}
	}
	if below && !told {
		x.missing(groupLimits)
	}
	return all
}

const (
	groupRoot   = "/sys/fs/cgroup"
	groupLimits = "pids.max of control groups"
)

// groupMembers lists the processes of each control group, by its directory for the pids controller. Every user may read
// the group of a process.
func (x *examination) groupMembers() map[string][]*kinds.ProcRow {
	members := map[string][]*kinds.ProcRow{}
	untold, buf := 0, make([]byte, 8<<10)
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *kinds.ProcRow) {
		if r.KernelThread() {
			return
		}
		dir, err := x.host.OpenProc(r.PID)
		if err != nil {
			return // it has just ended
		}
		defer dir.Close()
		text, err := dir.Read("cgroup", buf)
		if sys.Gone(err) {
			untold++ // it has just ended, or the kernel has no control groups
			return
		}
		if !x.read("cgroup", err) {
			return
		}
		if group, ok := machine.PidsGroupPath(text); ok {
			members[group] = append(members[group], r)
		}
	})
	if len(members) == 0 && untold > 0 {
		x.missing(groupLimits)
	}
	return members
}

func (x *examination) groupLimit(g machine.PidsGroup, members map[string][]*kinds.ProcRow) []schema.Finding {
	u := limitUse{what: "processes and threads of the control group " + strings.TrimPrefix(g.Dir, groupRoot),
		used:  g.Current,
		limit: g.Max, by: "pids.max", fails: "fork and pthread_create fail with EAGAIN there",
		advice: "A count that goes on growing is a leak of threads or zombies. To allow more: " +
			"`docker run --pids-limit`, podPidsLimit of the kubelet, TasksMax= of the unit."}
	if u.near() {
		threads, zombies := processTally{}, 0
		var living []*kinds.ProcRow
		for dir, rows := range members {
			if dir != g.Dir && !strings.HasPrefix(dir, g.Dir+"/") {
				continue
			}
			for _, r := range rows {
				if r.State == 'Z' {
					zombies++
					continue
				}
				threads[processName{r.PID, r.Comm}] += uint64(max(1, r.Threads))
				living = append(living, r)
			}
		}
		slices.SortFunc(living, func(a, b *kinds.ProcRow) int {
			return cmp.Or(cmp.Compare(b.Threads, a.Threads), cmp.Compare(a.PID, b.PID))
		})
		for _, r := range living[:min(len(living), manyFindings)] {
			u.refs = append(u.refs, r.Ref())
		}
		if len(threads) > 0 {
			u.evidence = append(u.evidence, "most threads: "+threads.most(4))
		}
		if zombies > 0 {
			u.evidence = append(u.evidence, schema.Counted(zombies, "zombie")+" of it: they count until their "+
				"parent waits for them")
		}
		if g.Refused > 0 {
			u.evidence = append(u.evidence, fmt.Sprintf("it has refused %d so far (pids.events)", g.Refused))
		}
	}
	return u.findings()
}
