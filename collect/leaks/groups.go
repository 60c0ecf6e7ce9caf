package leaks

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
)

// possibleByGroup adds the possible users of other accounts: members of the object's group. It does so only if the
// group has a permission that others lack, which means that several accounts share the object. mode are the object's
// permissions, gids the groups of its owner and creator.
func (l *tick) possibleByGroup(e *relate.Evidence, mode uint32, gids ...uint32) {
	if len(e.PossibleUsers) > 0 || mode>>3&0o6&^mode == 0 {
		return
	}
	limit := l.latestStart(e.LastUse)
	seen := map[*proc.Process]bool{}
	for _, gid := range gids {
		list := l.byGID()[gid]
		for _, p := range list[:l.countOlder(list, limit)] {
			if seen[p] {
				continue
			}
			seen[p] = true
			e.AddPossibleUser(func() relate.PossibleUser {
				why := fmt.Sprintf("is of group %s, which may use it, and %s", l.Users.Group(gid),
					l.whyPossible(p, e.LastUse))
				return relate.PossibleUser{Who: l.processUser(p, p.Status.UID[1]), Why: why}
			})
		}
	}
}

// listMembers lists the processes of each group, oldest knowledge first.
func (l *tick) listMembers() map[uint32][]*proc.Process {
	all := map[uint32][]*proc.Process{}
	for p := range l.knowledge {
		if p.Gone() || l.bystander[p] || !p.StatusKnown {
			continue
		}
		for _, gid := range l.gidsOf(p) {
			all[gid] = append(all[gid], p)
		}
	}
	for _, list := range all {
		l.sortByKnowledge(list)
	}
	return all
}

// possibleByFormerRoot adds the possible users that were root and have changed their user since. Such a process may
// have made an object that root owns and others may change. uids are the object's owner and creator, mode its
// permissions.
func (l *tick) possibleByFormerRoot(e *relate.Evidence, mode uint32, uids ...uint32) {
	if len(e.PossibleUsers) > 0 || mode&0o22 == 0 || !slices.Contains(uids, 0) || !l.Host.Live() {
		return
	}
	list := l.formerRoots()
	for _, p := range list[:l.countOlder(list, l.latestStart(e.LastUse))] {
		e.AddPossibleUser(func() relate.PossibleUser {
			return relate.PossibleUser{Who: l.processUser(p, p.Status.UID[1]),
				Why: "may have been root when it was last used, and others may change it"}
		})
	}
}

// listFormerRoots lists the processes that changed their user since their last execve(2), oldest knowledge first. The
// kernel makes root the owner of their files in /proc (task_dump_owner, fs/proc/base.c; PR_SET_DUMPABLE in man 2
// prctl). It does the same for some programs that keep secrets, so the list has these too.
func (l *tick) listFormerRoots() []*proc.Process {
	var list []*proc.Process
	for p := range l.knowledge {
		if p.Gone() || l.bystander[p] || !p.StatusKnown || slices.Contains(p.Status.UID[:], 0) {
			continue
		}
		// the directory itself still belongs to the process's user
		info, err := os.Stat(fmt.Sprintf("/proc/%d/stat", p.PID))
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == 0 {
			list = append(list, p)
		}
	}
	l.sortByKnowledge(list)
	return list
}
