package collect

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/relate"
)

// groupElders finds the processes of other users that could know an object because its group may use it where others may not: two users who share
// it. mode are its permissions, gids its owner's and creator's groups.
func (f *Facts) groupElders(e *relate.Evidence, mode uint32, gids ...uint32) {
	if len(e.Elders) > 0 || mode>>3&0o6&^mode == 0 {
		return
	}
	l := f.leaking()
	limit := f.lastMoment(e.LastUse)
	seen := map[*Process]bool{}
	for _, gid := range gids {
		list := f.members()[gid]
		for _, p := range list[:f.older(list, limit)] {
			if seen[p] {
				continue
			}
			seen[p] = true
			if len(e.Elders) == relate.MostElders {
				e.MoreElders++
				continue
			}
			why := fmt.Sprintf("is of group %s, which may use it, and started before its last use", f.Users.Group(gid))
			if f.StartTime(p.Start).After(limit) {
				why = fmt.Sprintf("is of group %s, which may use it, and %s", f.Users.Group(gid), l.memory[p].why())
			}
			e.Elders = append(e.Elders, relate.Elder{Who: f.processUser(p, p.Status.UID[1]), Why: why})
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
