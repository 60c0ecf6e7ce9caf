package kinds

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// procDetail holds the facts about a process that are read on demand only.
type procDetail struct {
	masks           process.SignalMasks
	masksErr        error
	caps            process.Capabilities
	capsErr         error
	limits          process.ProcLimits
	limitsErr       error
	cwd, root, exe  schema.Value
	nspid, pidfs    schema.Value
	cgroup, control schema.Value // container, control group
}

// procThreads describes the threads of a process in words.
type procThreads struct{ threads, blocked schema.Value }

func procOnDemand() []string {
	var ids []string
	for _, c := range procDetailColumns() {
		ids = append(ids, c.ID)
	}
	return ids
}

func procDetailColumns() []schema.Column {
	type row = ProcRow
	col := func(id string, typ schema.Type, width int, needs schema.Need, help string,
		get func(*row) schema.Value) schema.Column {
		return schema.Col(id, typ, width, proc.NeedProcs|needs, help, get)
	}
	detail := func(id string, typ schema.Type, width int, help string,
		get func(*procDetail) schema.Value) schema.Column {
		return col(id, typ, width, NeedProcDetail, help, func(r *row) schema.Value {
			if r.detail == nil {
				return schema.Uncollected(typ)
			}
			return get(r.detail)
		})
	}
	mask := func(id, help string, get func(*process.SignalMasks) sys.SignalSet) schema.Column {
		return detail(id, schema.TypeList, 20, help, func(d *procDetail) schema.Value {
			if d.masksErr != nil {
				return Unreadable(schema.TypeList, d.masksErr)
			}
			return schema.List(get(&d.masks).Names())
		})
	}
	caps := func(id, help string, get func(*process.Capabilities) process.CapabilitySet) schema.Column {
		return detail(id, schema.TypeList, 20, help, func(d *procDetail) schema.Value {
			if d.capsErr != nil {
				return Unreadable(schema.TypeList, d.capsErr)
			}
			return schema.List(get(&d.caps).Names())
		})
	}
	limit := func(id string, typ schema.Type, help string, get func(*process.ProcLimits) uint64) schema.Column {
		return detail(id, typ, 9, help, func(d *procDetail) schema.Value {
			switch n := get(&d.limits); {
			case d.limitsErr != nil:
				return Unreadable(typ, d.limitsErr)
			case n > math.MaxInt64:
				return schema.None(typ)
			case typ == schema.TypeBytes:
				return schema.Bytes(n)
			default:
				return schema.Int(int64(n))
			}
		})
	}
	return []schema.Column{
		limit("nofile", schema.TypeInt,
			"descriptors that it may have (RLIMIT_NOFILE, soft); blank for no limit; fds says how many it has",
			func(l *process.ProcLimits) uint64 { return l.OpenFiles }),
		limit("msgqueue", schema.TypeBytes,
			"bytes of POSIX queues that its user may have in all (RLIMIT_MSGQUEUE, soft); blank for no limit",
			func(l *process.ProcLimits) uint64 { return l.MsgQueue }),
		mask("sigpend", "signals that were sent and not yet taken, to the process or its main thread",
			func(m *process.SignalMasks) sys.SignalSet { return m.Pending }),
		mask("sigblk", "signals that its main thread holds back",
			func(m *process.SignalMasks) sys.SignalSet { return m.Blocked }),
		mask("sigign", "signals that it ignores", func(m *process.SignalMasks) sys.SignalSet { return m.Ignored }),
		mask("sigcgt", "signals that its program handles",
			func(m *process.SignalMasks) sys.SignalSet { return m.Caught }),
		caps("capeff", "capabilities that count now",
			func(c *process.Capabilities) process.CapabilitySet { return c.Effective }),
		caps("capprm", "capabilities that it may take",
			func(c *process.Capabilities) process.CapabilitySet { return c.Permitted }),
		caps("capinh", "capabilities that a program with file capabilities may inherit",
			func(c *process.Capabilities) process.CapabilitySet { return c.Inheritable }),
		caps("capamb", "capabilities that any program it runs inherits",
			func(c *process.Capabilities) process.CapabilitySet { return c.Ambient }),
		caps("capbnd", "capabilities that it can ever get",
			func(c *process.Capabilities) process.CapabilitySet { return c.Bounding }),
		detail("nspid", schema.TypeList, 12,
			"its pid in each pid namespace that it is in, from the one that we see it from to its own",
			func(d *procDetail) schema.Value { return d.nspid }),
		detail("pidfs", schema.TypeString, 16,
			"PID:INODE as util-linux's kill takes it, with the inode of its pidfd: no later process has the same; "+
				"blank before Linux 6.9",
			func(d *procDetail) schema.Value { return d.pidfs }),
		detail("cwd", schema.TypeString, 20, "working directory", func(d *procDetail) schema.Value { return d.cwd }),
		detail("root", schema.TypeString, 10, "root directory", func(d *procDetail) schema.Value { return d.root }),
		detail("exe", schema.TypeString, 20, "program file; (deleted) behind it if it is gone",
			func(d *procDetail) schema.Value { return d.exe }),
		detail("control_group", schema.TypeString, 30, "control group of the unified hierarchy, else of the first one",
			func(d *procDetail) schema.Value { return d.control }),
		detail("container_id", schema.TypeString, 12, "whole id of its container, as far as the control group tells",
			func(d *procDetail) schema.Value { return d.cgroup }),
		col("threads", schema.TypeList, 20, NeedThreads, "its threads, as TID/COMM/STATE", func(r *row) schema.Value {
			if r.threads == nil {
				return schema.Uncollected(schema.TypeList)
			}
			return r.threads.threads
		}),
		col("blocked", schema.TypeList, 40, NeedThreads|proc.NeedFDs|proc.NeedFDModes|proc.NeedMaps,
			"what each of its threads sleeps in: the call, and the object that it is on", func(r *row) schema.Value {
				if r.threads == nil {
					return schema.Uncollected(schema.TypeList)
				}
				return r.threads.blocked
			}),
	}
}

// Unreadable is the cell of an unreadable value. err is the reason.
func Unreadable(typ schema.Type, err error) schema.Value {
	if sys.Denied(err) {
		return schema.Refused(typ)
	}
	return schema.None(typ)
}

// procDetails reads the wanted details of a process.
func procDetails(t *proc.Tick, r *ProcRow, sockets *socketNames) {
	details, threads := t.WantsFor(r.Ref(), NeedProcDetail), t.WantsFor(r.Ref(), NeedThreads)
	if !details && !threads {
		return
	}
	dir, err := t.Host.OpenProc(r.Living())
	if err != nil {
		return // the process has just ended
	}
	defer dir.Close()
	if details {
		r.detail = readDetail(t, r.PID, dir)
		r.detail.pidfs = pidfsValue(t, r.Process)
	}
	if threads {
		r.threads = readThreads(t, r.Process, dir, sockets)
	}
}

func readDetail(t *proc.Tick, pid int, dir process.Dir) *procDetail {
	d := &procDetail{cwd: linkValue(dir, "cwd"), root: linkValue(dir, "root"), exe: linkValue(dir, "exe"),
		control: schema.None(schema.TypeString), cgroup: schema.None(schema.TypeString)}
	text, err := dir.Read("status", nil)
	if d.masksErr, d.capsErr = err, err; err == nil {
		d.masks, d.masksErr = process.ParseSignalMasks(text)
		d.caps, d.capsErr = process.ParseCapabilities(text)
	}
	if dir.PID != pid { // the directory is of another thread, with numbers of its own
		text, err = t.Host.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	}
	d.nspid = nsPids(text, err)
	if text, err = dir.Read("limits", nil); err == nil {
		d.limits, err = process.ParseProcLimits(text)
	}
	d.limitsErr = err
	if text, err = dir.Read("cgroup", nil); err == nil {
		d.control, d.cgroup = WordValue(ControlGroup(string(text))), WordValue(proc.ContainerID(string(text)))
	}
	return d
}

// nsPids lists the pids in the process's status, each as a word.
func nsPids(status []byte, err error) schema.Value {
	if err != nil {
		return Unreadable(schema.TypeList, err)
	}
	pids, err := process.ParseNSPids(status)
	if err != nil {
		return Unreadable(schema.TypeList, err)
	}
	words := make([]string, len(pids))
	for i, pid := range pids {
		words[i] = strconv.Itoa(pid)
	}
	return schema.List(words)
}

func linkValue(dir process.Dir, name string) schema.Value {
	target, err := dir.Readlink(name)
	if err != nil {
		return Unreadable(schema.TypeString, err)
	}
	return schema.String(target)
}

// ControlGroup is the path of the unified hierarchy ("0::/path"), else the first path (man 5 proc_pid_cgroup).
func ControlGroup(text string) string {
	first := ""
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		switch {
		case len(parts) < 3:
		case parts[0] == "0" && parts[1] == "":
			return parts[2]
		case first == "":
			first = parts[2]
		}
	}
	return first
}

func readThreads(tick *proc.Tick, p *proc.Process, dir process.Dir, sockets *socketNames) *procThreads {
	list, err := dir.Threads()
	if err != nil {
		v := Unreadable(schema.TypeList, err)
		return &procThreads{v, v}
	}
	var threads, blocked []string
	var denied error
	for i := range list {
		t := &list[i]
		threads = append(threads, fmt.Sprintf("%d/%s/%c", t.PID, t.Comm, t.State))
		if sys.Denied(t.Err) {
			denied = t.Err
		}
		if t.Call != nil {
			blocked = append(blocked, fmt.Sprintf("%d: %s", t.PID, blockedIn(tick, p, dir, *t.Call, sockets)))
		}
	}
	got := &procThreads{schema.List(threads), schema.List(blocked)}
	if denied != nil && len(blocked) == 0 {
		got.blocked = schema.Refused(schema.TypeList)
	}
	return got
}

// blockedIn describes the call that a thread sleeps in: "semop on sem:5 [2] -1", "read on pipe:8841", "futex in
// shm:3+0x40", "accept on unix:77 (/run/x)".
func blockedIn(t *proc.Tick, p *proc.Process, dir process.Dir, c process.BlockedCall, sockets *socketNames) string {
	if addr, ok := c.SharedFutex(); ok {
		return futexIn(t, p, addr)
	}
	if fd, ok := c.TakesFD(); ok {
		link := fmt.Sprintf("fd/%d", fd)
		if p.TableOf(c.TID) != 0 {
			link = fmt.Sprintf("task/%d/%s", c.TID, link)
		}
		target, err := dir.Readlink(link)
		if err != nil {
			return fmt.Sprintf("%s on fd %d", c.Name(), fd)
		}
		return c.Name() + " on " + targetName(p, c.TID, int32(fd), target, sockets)
	}
	if w, ok := proc.WaitOf(dir, c); ok {
		if key, ok := t.WaitKey(p, &w); ok && (w.InNamespace() || w.Kind == schema.Fifo) {
			return w.Syscall + " on " + schema.Ref{Kind: key.Kind, Space: key.Dev,
				ID: key.ID}.String() + strings.TrimPrefix(w.Via, w.Syscall)
		}
	}
	return c.Name()
}

// targetName is the Ref of the object of a thread's descriptor if there is one, else the link of the descriptor.
func targetName(p *proc.Process, tid int, num int32, target string, sockets *socketNames) string {
	ino, numbered := scan.LinkInode([]byte(target))
	switch {
	case numbered && strings.HasPrefix(target, "pipe:["):
		return schema.Ref{Kind: schema.Pipe, ID: ino}.String()
	case numbered && strings.HasPrefix(target, "socket:["):
		return sockets.name(ino)
	}
	if fd := p.OpenFD(tid, num); fd != nil && fd.Kind == proc.FDFifo {
		return schema.Ref{Kind: schema.Fifo, Space: fd.Dev, ID: fd.Ino}.String() + " (" + target + ")"
	}
	return target
}

// futexIn names the shared memory of a futex, and the offset in it.
func futexIn(t *proc.Tick, p *proc.Process, addr uint64) string {
	for _, m := range p.Shared {
		if addr < m.Start || addr >= m.End {
			continue
		}
		name := m.Name
		if strings.HasPrefix(name, proc.SegmentName) {
			name = schema.Ref{Kind: schema.Shm, Space: t.IPCSpaceOf(p), ID: m.Ino}.String()
		}
		return fmt.Sprintf("futex in %s+0x%x", name, addr-m.Start)
	}
	return fmt.Sprintf("futex at 0x%x", addr)
}

// socketNames names the sockets of the reader's network namespace by inode. It lists them at the first call.
type socketNames struct {
	host  *kernel.Host
	known map[uint64]string
}

// name is a socket's Ref, with its path or addresses if it has any.
func (n *socketNames) name(ino uint64) string {
	if n.known == nil {
		n.list()
	}
	if name := n.known[ino]; name != "" {
		return name
	}
	return fmt.Sprintf("socket:[%d]", ino)
}

func (n *socketNames) list() {
	n.known = map[uint64]string{}
	sockets, _ := n.host.UnixSockets() // a socket that is missing is shown by its number
	for i := range sockets {
		s := &sockets[i]
		name := schema.Ref{Kind: schema.Unix, ID: s.Inode}.String()
		if path := UnixName(s); path.IsKnown() {
			name += " (" + path.Str() + ")"
		}
		n.known[s.Inode] = name
	}
	inets, _ := n.host.InetSockets(0)
	for _, s := range inets {
		n.known[s.Inode] = fmt.Sprintf("%s (%s %s)", schema.Ref{Kind: schema.Inet, ID: s.Inode}, s.Protocol, s.Local)
	}
}
