package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// inotifyTally holds the inotify instances and watches of one user.
type inotifyTally struct {
	instances, watches uint64
	refs               []schema.Ref
	by                 processTally // watches
	madeBy             processTally // instances
}

// inotifyUse counts the inotify instances and watches of each user. The kernel counts them for the effective user that
// made them (inotify_new_group in fs/notify/inotify/inotify_user.c). This takes the user of the first process that has
// the descriptor.
func inotifyUse(x *examination) []schema.Finding {
	users := map[uint32]*inotifyTally{}
	rowsOf(x, schema.Inotify, func(ref schema.Ref, r *kinds.InotifyRow) {
		p := r.Uses[0].Process
		if !p.StatusKnown {
			return
		}
		u := users[p.Status.UID[1]]
		if u == nil {
			u = &inotifyTally{by: processTally{}, madeBy: processTally{}}
			users[p.Status.UID[1]] = u
		}
		n, name := uint64(len(r.Watched)), processName{p.PID, p.Comm}
		u.instances, u.watches, u.refs = u.instances+1, u.watches+n, append(u.refs, ref)
		u.by[name] += n
		u.madeBy[name]++
	})
	var all []schema.Finding
	for _, l := range []struct {
		what, knob, fails string
		used              func(*inotifyTally) (uint64, processTally)
	}{
		{"inotify instances", "fs.inotify.max_user_instances", "inotify_init fails with EMFILE",
			func(u *inotifyTally) (uint64, processTally) { return u.instances, u.madeBy }},
		{"inotify watches", "fs.inotify.max_user_watches", "inotify_add_watch fails with ENOSPC",
			func(u *inotifyTally) (uint64, processTally) { return u.watches, u.by }},
	} {
		limit, ok := x.sysctl(l.knob)
		for _, uid := range slices.Sorted(maps.Keys(users)) {
			if !ok {
				break
			}
			u := users[uid]
			slices.SortStableFunc(u.refs, func(a, b schema.Ref) int { return cmp.Compare(a.Name, b.Name) })
			used, by := l.used(u)
			all = append(all, limitUse{what: fmt.Sprintf("%s of user %s", l.what, x.users.User(uid)), used: used,
				limit: limit, by: l.knob, fails: l.fails, refs: u.refs,
				evidence: []string{"counted in the descriptors that could be seen", "by process: " + by.most(5)},
				advice: "See who has them: `ipctop --once inotify`. To allow more: " + x.raiseCommand(l.knob,
					limit)}.findings()...)
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(users)) {
		if f, ok := users[uid].hoard(); ok {
			all = append(all, f)
		}
	}
	return all
}

// manyWatches is the number of watches of one process that makes a note. Each keeps an inode in memory, about 1 KiB
// together with the watch (inotify_user_setup in fs/notify/inotify/inotify_user.c).
const manyWatches = 10000

// hoard is a note on the processes of one user that watch very many files.
func (u *inotifyTally) hoard() (schema.Finding, bool) {
	many := processTally{}
	for name, n := range u.by {
		if n >= manyWatches {
			many[name] = n
		}
	}
	if len(many) == 0 {
		return schema.Finding{}, false
	}
	return schema.Finding{Kind: "watches", Severity: schema.Info, Proof: schema.Observed, Refs: u.refs,
		Says: schema.Plural(len(many), "a process watches", fmt.Sprintf("%d processes watch", len(many))) +
			" very many files by inotify: each watch takes about 1 KiB of the kernel's memory",
		Evidence: []string{"watches by process: " + many.most(5)},
		Advice: "See its instances: `ipctop --once inotify`. If it is a watcher of a source tree or an agent, " +
			"exclude directories that need no watch (node_modules, build output, caches)."}, true
}

// processName is a process in the evidence of a finding.
type processName struct {
	pid  int
	comm string
}

// processTally is a sum for each process.
type processTally map[processName]uint64

// most names the processes with the largest sums, at most n, in words: "42/code 30000, 7/tail 2 and 3 more".
func (t processTally) most(n int) string {
	names := slices.SortedFunc(maps.Keys(t), func(a, b processName) int {
		return cmp.Or(cmp.Compare(t[b], t[a]), cmp.Compare(a.pid, b.pid))
	})
	words := make([]string, 0, len(names))
	for _, name := range names {
		words = append(words, fmt.Sprintf("%d/%s %d", name.pid, name.comm, t[name]))
	}
	return strings.Join(firstOf(n, words), ", ")
}
