package leaks

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
)

// groupElders finds the processes of other users that could know an object because its group may use it where others
// may not: two users who share it. mode are its permissions, gids its owner's and creator's groups.
func (l *tick) groupElders(e *relate.Evidence, mode uint32, gids ...uint32) {
	if len(e.Elders) > 0 || mode>>3&0o6&^mode == 0 {
		return
	}
	limit := l.lastMoment(e.LastUse)
	seen := map[*proc.Process]bool{}
	for _, gid := range gids {
		list := l.byGID()[gid]
		for _, p := range list[:l.older(list, limit)] {
			if seen[p] {
				continue
			}
			seen[p] = true
			if e.Another() {
				why := fmt.Sprintf("is of group %s, which may use it, and %s", l.Users.Group(gid), l.recalls(p, e.LastUse))
				e.Elders = append(e.Elders, relate.Elder{Who: l.processUser(p, p.Status.UID[1]), Why: why})
			}
		}
	}
}

// listMembers are the processes by their groups, by how old their memory is.
func (l *tick) listMembers() map[uint32][]*proc.Process {
	all := map[uint32][]*proc.Process{}
	for p := range l.memory {
		if p.Gone() || l.bystander[p] || !p.StatusKnown {
			continue
		}
		gids := slices.Concat(p.Status.GID[:], p.Status.Groups)
		slices.Sort(gids)
		for _, gid := range slices.Compact(gids) {
			all[gid] = append(all[gid], p)
		}
	}
	for _, list := range all {
		l.byMemory(list)
	}
	return all
}

// droppedElders finds the processes that were root and changed their user since: one may have made an object of
// root's that others may change. uids are its owner and creator, mode its permissions.
func (l *tick) droppedElders(e *relate.Evidence, mode uint32, uids ...uint32) {
	if len(e.Elders) > 0 || mode&0o22 == 0 || !slices.Contains(uids, 0) || !l.Host.Live() {
		return
	}
	list := l.dropped()
	for _, p := range list[:l.older(list, l.lastMoment(e.LastUse))] {
		if e.Another() {
			e.Elders = append(e.Elders,
				relate.Elder{Who: l.processUser(p, p.Status.UID[1]),
					Why: "may have been root when it was last used, and others may change it"})
		}
	}
}

// listDropped are the processes that changed their user since they began their program, by how old their memory is:
// the kernel gives their files in /proc to root (task_dump_owner, fs/proc/base.c; PR_SET_DUMPABLE in man 2 prctl), as
// it does those of some that keep secrets.
func (l *tick) listDropped() []*proc.Process {
	var list []*proc.Process
	for p := range l.memory {
		if p.Gone() || l.bystander[p] || !p.StatusKnown || slices.Contains(p.Status.UID[:], 0) {
			continue
		}
		info, err := os.Stat(fmt.Sprintf("/proc/%d/stat", p.PID)) // the directory stays its user's
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == 0 {
			list = append(list, p)
		}
	}
	l.byMemory(list)
	return list
}
