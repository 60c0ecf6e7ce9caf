package collect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// overflowUID stands for users of other user namespaces.
const overflowUID = 65534

// userObjects are what a user has that logind would remove.
type userObjects struct {
	refs   []schema.Ref
	counts map[schema.Kind]uint64
}

// removeIPC names the users whose objects logind removes when their last session ends. It spares root and system users (user_finalize
// in systemd's src/login/logind-user.c), but asks nobody whether a service or job of the user still uses them: that is the trap.
func removeIPC(x *examination) []schema.Finding {
	runs := x.host.LogindRuns()
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *procRow) { runs = runs || r.Comm == "systemd-logind" })
	if !runs {
		return nil
	}
	set, err := x.host.LogindRemoveIPC()
	if !x.read("logind", err) || !set.On {
		return nil
	}
	system, err := x.host.SystemUIDMax()
	x.read("/etc/login.defs", err)
	by := "RemoveIPC=yes"
	switch {
	case set.File != "":
		by += fmt.Sprintf(" is set in %s, line %d", set.File, set.Line)
	case set.Vendor != "":
		by += " is what logind is built with, as the comment in " + set.Vendor + " says; no file sets another"
	default:
		by += " is systemd's default; no file of logind sets another"
	}
	objects := x.byOwner()
	var all []schema.Finding
	for _, uid := range slices.Sorted(maps.Keys(objects)) {
		if uid <= system || uid == overflowUID {
			continue
		}
		all = append(all, x.atLogout(uid, objects[uid], by, system)...)
	}
	return all
}

// byOwner lists what clean_ipc_by_uid takes (src/shared/clean-ipc.c): every System V object and POSIX queue of the namespace and every
// file of /dev/shm.
func (x *examination) byOwner() map[uint32]*userObjects {
	all := map[uint32]*userObjects{}
	add := func(ref schema.Ref, uid uint32) {
		u := all[uid]
		if u == nil {
			u = &userObjects{counts: map[schema.Kind]uint64{}}
			all[uid] = u
		}
		u.refs = append(u.refs, ref)
		u.counts[ref.Kind]++
	}
	rowsOf(x, schema.Msg, func(ref schema.Ref, r *msgRow) { add(ref, r.UID) })
	rowsOf(x, schema.Sem, func(ref schema.Ref, r *semRow) { add(ref, r.UID) })
	rowsOf(x, schema.Shm, func(ref schema.Ref, r *shmRow) {
		if !slices.Contains(r.status, StatusDest) {
			add(ref, r.UID)
		}
	})
	rowsOf(x, schema.PMsg, func(ref schema.Ref, r *pmsgRow) { add(ref, r.UID) })
	rowsOf(x, schema.PSem, func(ref schema.Ref, r *psemRow) {
		if ref.Name != "" {
			add(ref, r.UID)
		}
	})
	rowsOf(x, schema.PShm, func(ref schema.Ref, r *pshmRow) {
		if ref.Name != "" {
			add(ref, r.UID)
		}
	})
	return all
}

// atLogout says what one user loses. It is a warning where processes of that user run outside of its sessions, such as a service or a
// batch job: those lose their objects while they run.
func (x *examination) atLogout(uid uint32, objects *userObjects, by string, system uint32) []schema.Finding {
	name := x.users.User(uid)
	session := x.host.LogindUser(uid, name)
	if session.Linger {
		return nil // logind keeps the user, and so its objects (user_may_gc)
	}
	var words []string
	for _, m := range Mechanisms() {
		if n := objects.counts[m.Kind]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, m.Kind))
		}
	}
	refs := make([]string, len(objects.refs))
	for i, r := range objects.refs {
		refs[i] = r.String()
	}
	f := schema.Finding{Kind: "remove-ipc", Severity: schema.Info, Proof: schema.Observed, Refs: objects.refs,
		Evidence: []string{by, fmt.Sprintf("uid %d is no system user (those end at %d), and does not linger", uid, system), "objects: " + strings.Join(firstOf(8, refs), ", ")},
		Advice:   "Set RemoveIPC=no under [Login] in /etc/systemd/logind.conf.d/ipc.conf and `systemctl reload systemd-logind`; or `loginctl enable-linger " + name + "`; or run the service as a system user (`useradd -r`)."}
	now := "has no session now: the end of the next one"
	if session.Known {
		now = "is logged in: the end of the last session"
	}
	outside := x.outsideSessions(uid)
	f.Says = fmt.Sprintf("user %s %s removes its %s", name, now, strings.Join(words, ", "))
	if len(outside) > 0 {
		f.Severity = schema.Warning
		f.Says += ", while processes of it run outside of its sessions"
		f.Evidence = append(f.Evidence, firstOf(5, outside)...)
	}
	return []schema.Finding{f}
}

// outsideSessions lists the processes of a user that belong to no session of it, by their control groups: logind puts sessions into user.slice.
func (x *examination) outsideSessions(uid uint32) []string {
	var lines []string
	buf := make([]byte, 8<<10)
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *procRow) {
		if !r.StatusKnown || r.Status.UID[0] != uid && r.Status.UID[1] != uid || r.State == 'Z' {
			return
		}
		dir, err := x.host.OpenProc(r.PID)
		if err != nil {
			return
		}
		defer dir.Close()
		text, err := dir.Read("cgroup", buf)
		if err != nil || strings.Contains(string(text), "/user.slice/") {
			return
		}
		lines = append(lines, fmt.Sprintf("%d/%s runs in %s", r.PID, r.Comm, controlGroup(string(text))))
	})
	return lines
}
