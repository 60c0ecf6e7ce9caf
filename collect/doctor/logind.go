package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/machine"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// overflowUID stands for users of other user namespaces.
const overflowUID = 65534

// userObjects are what a user has that logind would remove.
type userObjects struct {
	refs   []schema.Ref
	counts map[schema.Kind]uint64
}

// removeIPC names the users whose objects logind removes when their last session ends. It spares root and system
// users (user_finalize in systemd's src/login/logind-user.c), but asks nobody whether a service or job of the user
// still uses them: that is the trap.
func removeIPC(x *examination) []schema.Finding {
	acts, doubt := x.logind()
	if !acts && doubt == "" {
		return nil
	}
	set, err := x.host.LogindRemoveIPC()
	if !x.read("logind.conf", err) || !set.On {
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
	evidence := []string{by, fmt.Sprintf("root and system users, up to uid %d, are spared, and users who linger", system)}
	objects := x.byOwner()
	if !acts {
		return x.perhapsRemoved(system, objects, doubt)
	}
	var all []schema.Finding
	var others []leaver
	for _, uid := range slices.Sorted(maps.Keys(objects)) {
		u := leaver{uid: uid, name: x.users.User(uid), userObjects: objects[uid], kinds: x.snap.Kinds}
		u.session = x.host.LogindUser(uid, u.name)
		// logind keeps users who linger, and so their objects (user_may_gc)
		if uid <= system || uid == overflowUID || u.session.Linger {
			continue
		}
		if outside := x.outsideSessions(uid); len(outside) > 0 {
			all = append(all, u.loses(evidence, outside))
		} else {
			others = append(others, u)
		}
	}
	if len(others) > 0 {
		all = append(all, lose(evidence, others))
	}
	return all
}

// perhapsRemoved says that it cannot be told whether logind removes the objects, where users have such as it would.
func (x *examination) perhapsRemoved(system uint32, objects map[uint32]*userObjects, doubt string) []schema.Finding {
	f := schema.Finding{Kind: "remove-ipc", Severity: schema.Info, Proof: schema.Inferred, Evidence: []string{doubt},
		Says: "whether systemd-logind removes the IPC objects of users when their last session ends cannot be told"}
	var lines []string
	for _, uid := range slices.Sorted(maps.Keys(objects)) {
		if uid > system && uid != overflowUID {
			u := leaver{uid: uid, name: x.users.User(uid), userObjects: objects[uid], kinds: x.snap.Kinds}
			f.Refs, lines = append(f.Refs, u.refs...), append(lines, u.named())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	f.Evidence = append(f.Evidence, firstOf(8, lines)...)
	return []schema.Finding{f}
}

// logind says whether a logind runs that removes objects of the IPC namespace that we see: it looks into its own.
// doubt is why that cannot be told, "" where it can.
func (x *examination) logind() (acts bool, doubt string) {
	found := false
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *kinds.ProcRow) {
		// it runs as root; anybody may take its name
		if r.Comm != "systemd-logind" || r.State == 'Z' || r.StatusKnown && r.Status.UID[1] != 0 {
			return
		}
		found = true
		ino, known := x.ipcNamespaceOf(r.PID)
		switch {
		case !known && x.snap.IPCNamespace != namespace.InitialIPC:
			doubt = fmt.Sprintf("the IPC namespace of %d/%s could not be read", r.PID, r.Comm)
		case !known || ino == x.snap.IPCNamespace: // the machine's logind is in the machine's namespace
			acts = true
		}
	})
	if acts || found {
		return acts, doubt
	}
	return false, x.logindHidden()
}

// logindHidden is why a logind may run that is not among the processes; "" where none can.
func (x *examination) logindHidden() string {
	if slices.ContainsFunc(x.snap.Faults, func(f schema.Fault) bool { return f.Source == "processes" }) &&
		x.host.LogindRuns() {
		return "/run/systemd/seats is there, and not all processes could be seen"
	}
	if !x.host.Live() || x.snap.IPCNamespace != namespace.InitialIPC {
		return "" // that of a container, whose own logind would be seen
	}
	if pids, err := x.host.SelfNamespace("pid"); err != nil || pids != namespace.InitialPID {
		return "the IPC namespace is the machine's, and processes outside of this pid namespace cannot be seen"
	}
	return ""
}

// ipcNamespaceOf reads which IPC namespace a process is in.
func (x *examination) ipcNamespaceOf(pid int) (ino uint64, ok bool) {
	dir, err := x.host.OpenProc(pid)
	if err != nil {
		return 0, false
	}
	defer dir.Close()
	link, err := dir.Readlink("ns/ipc")
	if err != nil {
		return 0, false
	}
	_, ino, ok = namespace.ParseLink([]byte(link))
	return ino, ok
}

// byOwner lists what clean_ipc_by_uid takes (src/shared/clean-ipc.c): every System V object and POSIX queue of the
// namespace and every file of /dev/shm.
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
	rowsOf(x, schema.Msg, func(ref schema.Ref, r *kinds.MsgRow) { add(ref, r.UID) })
	rowsOf(x, schema.Sem, func(ref schema.Ref, r *kinds.SemRow) { add(ref, r.UID) })
	rowsOf(x, schema.Shm, func(ref schema.Ref, r *kinds.ShmRow) {
		if !slices.Contains(r.Status, kinds.StatusDest) {
			add(ref, r.UID)
		}
	})
	rowsOf(x, schema.PMsg, func(ref schema.Ref, r *kinds.PMsgRow) { add(ref, r.UID) })
	rowsOf(x, schema.PSem, func(ref schema.Ref, r *kinds.PSemRow) {
		if ref.Name != "" {
			add(ref, r.UID)
		}
	})
	rowsOf(x, schema.PShm, func(ref schema.Ref, r *kinds.PShmRow) {
		if ref.Name != "" {
			add(ref, r.UID)
		}
	})
	return all
}

// leaver is a user who loses objects with the last session.
type leaver struct {
	*userObjects
	uid     uint32
	name    string
	session machine.UserSession
	kinds   []*kinds.Mechanism // in the order of outputs
}

// Words are what is lost: "1 msg, 2 shm".
func (u leaver) words() string {
	var words []string
	for _, m := range u.kinds {
		if n := u.counts[m.Kind]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, m.Kind))
		}
	}
	return strings.Join(words, ", ")
}

// when says which end of a session it is.
func (u leaver) when() string {
	if u.session.Known {
		return "is logged in: the end of the last session"
	}
	return "has no session now: the end of the next one"
}

func (u leaver) named() string {
	refs := make([]string, len(u.refs))
	for i, r := range u.refs {
		refs[i] = r.String()
	}
	return "objects of " + u.name + ": " + strings.Join(firstOf(8, refs), ", ")
}

const keepIPC = "Set RemoveIPC=no under [Login] in /etc/systemd/logind.conf.d/ipc.conf and `systemctl reload " +
	"systemd-logind`"

// loses is the warning for a user of whom processes run outside of its sessions, such as a service or a batch job:
// those lose their objects while they run.
func (u leaver) loses(evidence, outside []string) schema.Finding {
	return schema.Finding{Kind: "remove-ipc", Severity: schema.Warning, Proof: schema.Observed, Refs: u.refs,
		Says: fmt.Sprintf("user %s %s removes its %s, while processes of it run outside of its sessions", u.name,
			u.when(), u.words()),
		Evidence: slices.Concat(evidence, []string{u.named()}, firstOf(5, outside)),
		Advice: keepIPC + "; or `loginctl enable-linger " + schema.ShellQuote(u.name) +
			"`; or run the service as a system user (`useradd -r`)."}
}

// lose tells of the users who may well mean it: what they made in their sessions goes with these.
func lose(evidence []string, users []leaver) schema.Finding {
	f := schema.Finding{Kind: "remove-ipc", Severity: schema.Info, Proof: schema.Observed,
		Advice: keepIPC + " if something of it has to stay."}
	var lines []string
	for _, u := range users {
		f.Refs = append(f.Refs, u.refs...)
		lines = append(lines, u.named())
	}
	f.Evidence = slices.Concat(evidence, firstOf(8, lines))
	f.Says = fmt.Sprintf("%d users lose their IPC objects when their last session ends", len(users))
	if len(users) == 1 {
		f.Says = fmt.Sprintf("user %s %s removes its %s", users[0].name, users[0].when(), users[0].words())
	}
	return f
}

// outsideSessions lists the processes of a user that belong to no session of it, by their control groups: logind puts
// sessions into user.slice.
func (x *examination) outsideSessions(uid uint32) []string {
	var lines []string
	buf := make([]byte, 8<<10)
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *kinds.ProcRow) {
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
		lines = append(lines, fmt.Sprintf("%d/%s runs in %s", r.PID, r.Comm, kinds.ControlGroup(string(text))))
	})
	return lines
}
