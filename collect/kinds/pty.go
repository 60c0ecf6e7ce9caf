package kinds

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PtyRow is a pseudoterminal: a pair of ends. Text written to one end is read from the other end (man 7 pty).
type PtyRow struct {
	index           uint64
	dev             uint64 // device of its devpts file system
	masters, slaves []proc.FDUse
	waits           []proc.Waiter
	holders         [2]schema.Value // of the master, of the slave
	all             schema.Value
	waiters, status schema.Value
	path            string
}

// Sides are the descriptors on the master and on the slave.
func (r *PtyRow) Sides() (masters, slaves []proc.FDUse) { return r.masters, r.slaves }

// Controls reports whether the terminal controls the process (credentials(7)). Other devpts file systems may have a
// terminal of the same number.
func (r *PtyRow) Controls(p *proc.Process) bool {
	index, ok := p.ControllingPty()
	return ok && index == r.index
}

// The words of a pseudoterminal's status. If both ends are open, the status is blank.
const (
	NoMaster = "no-master" // hung up: a read from the slave returns end of file, a write fails with EIO
	NoSlave  = "no-slave"  // nobody has the slave: a terminal emulator is starting or ending, or it is a leak
)

const ptyNeeds = proc.NeedProcs | proc.NeedFDs | proc.NeedTTYs | proc.NeedFDInfo

// Pty is the Mechanism of pseudoterminals.
func Pty() *Mechanism {
	return &Mechanism{
		Kind: schema.Pty, Family: Pipes, Title: "Pseudoterminals",
		Help: "terminal emulators, ssh and the like at the master, shells and programs at the slave",
		Descriptor: &proc.Descriptor{Kind: schema.Pty, Walked: []proc.FDKind{proc.FDPtmx, proc.FDSlave},
			Telling: []proc.FDKind{proc.FDPtmx}, Ref: ptyRef},
		Columns: ptyColumns(),
		Default: []string{"path", "status", "masters", "slaves", "waiters"},
		Needs:   ptyNeeds, Relates: proc.NeedSyscall,
		Collect: collectPtys, Relate: relatePtys,
		Label: func(o *schema.Object) string {
			r := o.Row.(*PtyRow)
			side := func(uses []proc.FDUse) string {
				if len(uses) == 0 {
					return "?"
				}
				return uses[0].Process.Comm
			}
			return side(r.masters) + " ↔ " + side(r.slaves)
		},
	}
}

func ptyColumns() []schema.Column {
	type row = PtyRow
	col := schema.Col[row]
	return []schema.Column{
		col("tty", schema.TypeString, 7, ptyNeeds, "name of the slave, as ps has it",
			func(r *row) schema.Value { return schema.String("pts/" + strconv.FormatUint(r.index, 10)) }),
		col("path", schema.TypeString, 12, ptyNeeds, "where a process reached the slave; (deleted) where "+
			"the name is gone",
			func(r *row) schema.Value { return WordValue(r.path) }),
		col("dev", schema.TypeString, 7, ptyNeeds, "device of its devpts file system, major:minor",
			func(r *row) schema.Value { return WordValue(devName(r.dev)) }),
		col("status", schema.TypeString, 9, ptyNeeds, "no-master: hung up; no-slave: nobody has the terminal open",
			func(r *row) schema.Value { return r.status }),
		col("masters", schema.TypeEndpoints, 24, ptyNeeds, "descriptors on the master",
			func(r *row) schema.Value { return r.holders[0] }),
		col("slaves", schema.TypeEndpoints, 24, ptyNeeds, "descriptors on the slave",
			func(r *row) schema.Value { return r.holders[1] }),
		col("holders", schema.TypeEndpoints, 24, ptyNeeds, "descriptors on either end",
			func(r *row) schema.Value { return r.all }),
		col("waiters", schema.TypeEndpoints, 24, ptyNeeds|proc.NeedSyscall,
			"threads that sleep in read (nothing was typed or printed) or in write (it is full, or stopped by Ctrl-S)",
			func(r *row) schema.Value { return r.waiters }),
	}
}

// devName is the device as MAJOR:MINOR. It is "" for 0.
func devName(dev uint64) string {
	if dev == 0 {
		return ""
	}
	return schema.FormatDev(dev)
}

// ptyRef is the pseudoterminal of a descriptor. ok is false for a master whose fdinfo is missing or has no index.
func ptyRef(t *proc.Tick, u proc.FDUse) (schema.Ref, bool) {
	p, fd := u.Process, u.FD
	ref := schema.Ref{Kind: schema.Pty, ID: fd.Ino}
	if fd.Kind == proc.FDPtmx {
		index, err := fdinfo.ParseTTYIndex(p.Info[fd.ID()].Text)
		if err != nil {
			return ref, false
		}
		ref.ID = uint64(index)
	}
	if fd.Dev != ownDevpts(t) {
		ref.Space = fd.Dev
	}
	return ref, true
}

// ownDevpts is the device of the reader's own /dev/pts. 0 means that there is none, or that this is a file tree.
func ownDevpts(t *proc.Tick) uint64 {
	return uint64(proc.Memo(t, func(t *proc.Tick) devptsDevice {
		if !t.Host.Live() {
			return 0
		}
		dev, _ := vfs.DeviceOf("/dev/pts")
		return devptsDevice(dev)
	}))
}

// devptsDevice is the device of a devpts file system.
type devptsDevice uint64

func collectPtys(t *proc.Tick) ([]*schema.Object, error) {
	rows := map[schema.Ref]*PtyRow{}
	var refs []schema.Ref
	for _, p := range t.Processes() {
		for i := range p.FDs {
			fd := &p.FDs[i]
			if fd.Kind != proc.FDPtmx && fd.Kind != proc.FDSlave {
				continue
			}
			ref, ok := ptyRef(t, proc.FDUse{Process: p, FD: fd})
			if !ok {
				continue
			}
			r := rows[ref]
			if r == nil {
				r = &PtyRow{index: ref.ID, dev: fd.Dev}
				rows[ref] = r
				refs = append(refs, ref)
			}
			if fd.Kind == proc.FDPtmx {
				r.masters = append(r.masters, proc.FDUse{Process: p, FD: fd})
			} else {
				r.slaves = append(r.slaves, proc.FDUse{Process: p, FD: fd})
				r.path = fd.Path
			}
		}
	}
	slices.SortFunc(refs, schema.CompareRefs)
	objects := make([]*schema.Object, 0, len(refs))
	for _, ref := range refs {
		rows[ref].complete(t, ref)
		objects = append(objects, &schema.Object{Ref: ref, Row: rows[ref]})
	}
	return objects, nil
}

func (r *PtyRow) complete(t *proc.Tick, ref schema.Ref) {
	r.holders = [2]schema.Value{t.Holders(r.masters, nil), t.Holders(r.slaves, nil)}
	all := slices.Concat(r.masters, r.slaves)
	r.all = t.Holders(all, nil)
	r.waits = fdWaits(t, all)
	r.waiters = t.WaitersValue(ref, r.waits, allWaitsSeen(t, all))
	switch {
	case len(r.masters) > 0 && len(r.slaves) > 0:
		r.status = schema.None(schema.TypeString)
	case strings.HasSuffix(r.path, proc.DeletedSuffix):
		r.status = schema.String(NoMaster) // the kernel removes the name with the master (devpts_pty_kill)
	case len(r.masters) == 0:
		// The slave has its name, so the master is open in a process that was not seen.
		r.status = schema.None(schema.TypeString)
	case (t.Unseen("fd") > 0 || t.Nested) && !slavesClosed(t, r.masters[0], r.index):
		r.status = schema.None(schema.TypeString)
	default:
		r.status = schema.String(NoSlave)
	}
}

// slavesClosed asks the kernel through a master whether all slaves are closed.
func slavesClosed(t *proc.Tick, master proc.FDUse, index uint64) bool {
	if !t.Host.Live() {
		return false
	}
	closed, err := process.SlavesClosed(master.TID(), int(master.FD.Num), uint32(index))
	return err == nil && closed
}

func relatePtys(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		r := o.Row.(*PtyRow)
		for _, side := range []struct {
			uses []proc.FDUse
			name string
		}{{r.masters, "master"}, {r.slaves, "slave"}} {
			proc.HoldEdges(o.Ref, side.uses, proc.JustHolds, func(e schema.Edge) {
				e.Via = e.Via.AtSide(side.name)
				add(e)
			})
		}
		proc.WaitEdges(o.Ref, r.waits, add)
	}
}
