package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/machine"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// overflowUID is the uid that the kernel shows for users of other user namespaces.
const overflowUID = 65534

// userObjects are the objects of a user that logind would remove.
type userObjects struct {
	refs   []schema.Ref
	counts map[schema.Kind]uint64
}

// removeIPC warns about users whose objects logind removes at the end of their last session. logind spares root and
// system users (user_finalize in systemd's src/login/logind-user.c). But it does not check whether a service or job of
// the user still uses the objects. That is the trap.
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
	evidence := []string{by, fmt.Sprintf("root and system users, up to uid %d, are spared, and users who linger",
		system)}
	objects := x.byOwner()
	if !acts {
		return x.perhapsRemoved(system, objects, doubt)
	}
	var all []schema.Finding
	var others []losingUser
	for _, uid := range slices.Sorted(maps.Keys(objects)) {
		u := losingUser{uid: uid, name: x.users.User(uid), userObjects: objects[uid], kinds: x.snap.Kinds}
		u.session = x.host.LogindUser(uid, u.name)
		// logind keeps lingering users, and so their objects (user_may_gc)
		if uid <= system || uid == overflowUID || u.session.Linger {
			continue
		}
		if outside := x.outsideSessions(uid); len(outside) > 0 {
			all = append(all, u.warning(evidence, outside))
		} else {
			others = append(others, u)
		}
	}
	if len(others) > 0 {
		all = append(all, notice(evidence, others))
	}
	return all
}

// perhapsRemoved is the finding for a machine where it is not known whether logind removes objects. It is empty if no
// user has such objects.
func (x *examination) perhapsRemoved(system uint32, objects map[uint32]*userObjects, doubt string) []schema.Finding {
	f := schema.Finding{Kind: "remove-ipc", Severity: schema.Info, Proof: schema.Inferred, Evidence: []string{doubt},
		Says: "whether systemd-logind removes the IPC objects of users when their last session ends cannot be told"}
	var lines []string
	for _, uid := range slices.Sorted(maps.Keys(objects)) {
		if uid > system && uid != overflowUID {
			u := losingUser{uid: uid, name: x.users.User(uid), userObjects: objects[uid], kinds: x.snap.Kinds}
			f.Refs, lines = append(f.Refs, u.refs...), append(lines, u.named())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	f.Evidence = append(f.Evidence, firstOf(8, lines)...)
	return []schema.Finding{f}
}

// logind reports in acts whether a logind runs that removes objects of the reader's IPC namespace. A logind acts only
// on its own IPC namespace. doubt is the reason why this is not known; "": it is known.
func (x *examination) logind() (acts bool, doubt string) {
	found := false
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *kinds.ProcRow) {
		// logind runs as root; any other process may take its name
		if r.Comm != "systemd-logind" || r.State == 'Z' || r.StatusKnown && r.Status.UID[1] != 0 {
			return
		}
		found = true
		ino, known := x.ipcNamespaceOf(r.PID)
		switch {
		case !known && x.snap.IPCNamespace != namespace.InitialIPC:
			doubt = fmt.Sprintf("the IPC namespace of %d/%s could not be read", r.PID, r.Comm)
		case !known || ino == x.snap.IPCNamespace: // logind of the machine is in the namespace of the machine
			acts = true
		}
	})
	if acts || found {
		return acts, doubt
	}
	return false, x.logindHidden()
}

// logindHidden is the reason why a logind may run out of the reader's sight; "": none can.
func (x *examination) logindHidden() string {
	if slices.ContainsFunc(x.snap.Faults, func(f schema.Fault) bool { return f.Source == "processes" }) &&
		x.host.LogindRuns() {
		return "/run/systemd/seats is there, and not all processes could be seen"
	}
	if !x.host.Live() || x.snap.IPCNamespace != namespace.InitialIPC {
		return "" // a container: the reader would see the container's own logind
	}
	if pids, err := x.host.SelfNamespace("pid"); err != nil || pids != namespace.InitialPID {
		return "the IPC namespace is the machine's, and processes outside of this pid namespace cannot be seen"
	}
	return ""
}

// ipcNamespaceOf reads the inode of the IPC namespace of a process.
func (x *examination) ipcNamespaceOf(pid int) (ino uint64, ok bool) {
	dir, err := proc.OpenLiving(x.host, pid)
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

// byOwner lists the objects that clean_ipc_by_uid removes (src/shared/clean-ipc.c). These are all System V objects and
// POSIX queues of the namespace, and all files of /dev/shm.
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

// losingUser is a user who loses objects at the end of the last session.
type losingUser struct {
	*userObjects
	uid     uint32
	name    string
	session machine.UserSession
	kinds   []*kinds.Mechanism // in the order of outputs
}

// words names the lost objects: "1 msg, 2 shm".
func (u losingUser) words() string {
	var words []string
	for _, m := range u.kinds {
		if n := u.counts[m.Kind]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, m.Kind))
		}
	}
	return strings.Join(words, ", ")
}

// when names the session at whose end the objects are removed.
func (u losingUser) when() string {
	if u.session.Known {
		return "is logged in: the end of the last session"
	}
	return "has no session now: the end of the next one"
}

func (u losingUser) named() string {
	refs := make([]string, len(u.refs))
	for i, r := range u.refs {
		refs[i] = r.String()
	}
	return "objects of " + u.name + ": " + strings.Join(firstOf(8, refs), ", ")
}

const keepIPC = "Set RemoveIPC=no under [Login] in /etc/systemd/logind.conf.d/ipc.conf and `systemctl reload " +
	"systemd-logind`"

// warning is the finding for a user with processes outside of its sessions, such as a service or a batch job. These
// processes lose their objects while they run.
func (u losingUser) warning(evidence, outside []string) schema.Finding {
	return schema.Finding{Kind: "remove-ipc", Severity: schema.Warning, Proof: schema.Observed, Refs: u.refs,
		Says: fmt.Sprintf("user %s %s removes its %s, while processes of it run outside of its sessions", u.name,
			u.when(), u.words()),
		Evidence: slices.Concat(evidence, []string{u.named()}, firstOf(5, outside)),
		Advice: keepIPC + "; or `loginctl enable-linger " + schema.ShellQuote(u.name) +
			"`; or run the service as a system user (`useradd -r`)."}
}

// notice is the finding for users whose processes all run in sessions. They may want to lose objects that they made in
// a session.
func notice(evidence []string, users []losingUser) schema.Finding {
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

// outsideSessions lists the processes of a user that belong to none of its sessions. Their control groups show this:
// logind puts sessions into user.slice.
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
