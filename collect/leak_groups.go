package collect

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/relate"
)

// groupElders finds the processes of other users that could know an object because its group may use it where others may not: two users who share
// it. mode are its permissions, gids its owner's and creator's groups.
func (f *Facts) groupElders(e *relate.Evidence, mode uint32, gids ...uint32) {
	if len(e.Elders) > 0 || mode>>3&0o6&^mode == 0 {
		return
	}
	limit := f.lastMoment(e.LastUse)
	seen := map[*Process]bool{}
	for _, gid := range gids {
		list := f.members()[gid]
		for _, p := range list[:f.older(list, limit)] {
			if seen[p] {
				continue
			}
			seen[p] = true
			if e.Another() {
				why := fmt.Sprintf("is of group %s, which may use it, and %s", f.Users.Group(gid), f.recalls(p, e.LastUse))
				e.Elders = append(e.Elders, relate.Elder{Who: f.processUser(p, p.Status.UID[1]), Why: why})
			}
		}
	}
}

// members are the processes by their groups, by how old their memory is.
func (f *Facts) members() map[uint32][]*Process {
	l := f.leaking()
	if l.byGID != nil {
		return l.byGID
	}
	l.byGID = map[uint32][]*Process{}
	for p := range l.memory {
		if p.gone() || l.bystander[p] || !p.StatusKnown {
			continue
		}
		gids := slices.Concat(p.Status.GID[:], p.Status.Groups)
		slices.Sort(gids)
		for _, gid := range slices.Compact(gids) {
			l.byGID[gid] = append(l.byGID[gid], p)
		}
	}
	for _, list := range l.byGID {
		slices.SortFunc(list, func(a, b *Process) int {
			return cmp.Or(cmp.Compare(l.memory[a].start, l.memory[b].start), cmp.Compare(a.PID, b.PID))
		})
	}
	return l.byGID
}

// droppedElders finds the processes that were root and changed their user since: one may have made an object of root's that others may change. uids are
// its owner and creator, mode its permissions.
func (f *Facts) droppedElders(e *relate.Evidence, mode uint32, uids ...uint32) {
	if len(e.Elders) > 0 || mode&0o22 == 0 || !slices.Contains(uids, 0) || !f.Host.Live() {
		return
	}
	list := f.dropped()
	for _, p := range list[:f.older(list, f.lastMoment(e.LastUse))] {
		if e.Another() {
			e.Elders = append(e.Elders, relate.Elder{Who: f.processUser(p, p.Status.UID[1]), Why: "may have been root when it was last used, and others may change it"})
		}
	}
}

// dropped are the processes that changed their user since they began their program, by how old their memory is: the kernel gives their files in
// /proc to root (task_dump_owner, fs/proc/base.c; PR_SET_DUMPABLE in man 2 prctl), as it does those of some that keep secrets.
func (f *Facts) dropped() []*Process {
	l := f.leaking()
	if l.dropped != nil {
		return l.dropped
	}
	l.dropped = []*Process{}
	for p := range l.memory {
		if p.gone() || l.bystander[p] || !p.StatusKnown || slices.Contains(p.Status.UID[:], 0) {
			continue
		}
		info, err := os.Stat(fmt.Sprintf("/proc/%d/stat", p.PID)) // the directory stays its user's
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == 0 {
			l.dropped = append(l.dropped, p)
		}
	}
	slices.SortFunc(l.dropped, func(a, b *Process) int {
		return cmp.Or(cmp.Compare(l.memory[a].start, l.memory[b].start), cmp.Compare(a.PID, b.PID))
	})
	return l.dropped
}
