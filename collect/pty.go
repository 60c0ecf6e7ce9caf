package collect

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// ptyRow is a pseudoterminal: a pair of ends, of which what is written to one is read from the other (pty(7)).
type ptyRow struct {
	index           uint64
	dev             uint64 // of its devpts file system
	masters, slaves []FDUse
	waits           []waiter
	holders         [2]schema.Value // of the master, of the slave
	all             schema.Value
	waiters, status schema.Value
	path            string
}

// The words of a pseudoterminal's status. One with both ends has none.
const (
	NoMaster = "no-master" // hung up: a slave reads end of file and cannot write (EIO)
	NoSlave  = "no-slave"  // nobody is at the terminal: a terminal emulator that is starting or ending, or a leak
)

const ptyNeeds = schema.NeedProcs | schema.NeedFDs | schema.NeedTTYs | schema.NeedFDInfo

func ptyMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Pty, Family: Pipes, Title: "Pseudoterminals", Help: "terminal emulators, ssh and the like at the master, shells and programs at the slave",
		Descriptor: &Descriptor{Kind: schema.Pty, Walked: []FDKind{FDPtmx, FDSlave}, Ref: ptyRef},
		Columns:    ptyColumns(),
		Default:    []string{"path", "status", "masters", "slaves", "waiters"},
		Needs:      ptyNeeds, Relates: schema.NeedSyscall,
		Collect: collectPtys, Relate: relatePtys,
		Label: func(o *schema.Object) string {
			r := o.Row.(*ptyRow)
			side := func(uses []FDUse) string {
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
	type row = ptyRow
	col := schema.Col[row]
	return []schema.Column{
		col("tty", schema.TypeString, 7, ptyNeeds, "name of the slave, as ps has it", func(r *row) schema.Value { return schema.String("pts/" + strconv.FormatUint(r.index, 10)) }),
		col("path", schema.TypeString, 12, ptyNeeds, "where a process reached the slave; (deleted) where the name is gone", func(r *row) schema.Value { return statusValue(r.path) }),
		col("dev", schema.TypeString, 7, ptyNeeds, "device of its devpts file system, major:minor", func(r *row) schema.Value { return statusValue(devName(r.dev)) }),
		col("status", schema.TypeString, 9, ptyNeeds, "no-master: hung up; no-slave: nobody has the terminal open", func(r *row) schema.Value { return r.status }),
		col("masters", schema.TypeEndpoints, 24, ptyNeeds, "descriptors on the master", func(r *row) schema.Value { return r.holders[0] }),
		col("slaves", schema.TypeEndpoints, 24, ptyNeeds, "descriptors on the slave", func(r *row) schema.Value { return r.holders[1] }),
		col("holders", schema.TypeEndpoints, 24, ptyNeeds, "descriptors on either end", func(r *row) schema.Value { return r.all }),
		col("waiters", schema.TypeEndpoints, 24, ptyNeeds|schema.NeedSyscall, "threads that sleep in read (nothing was typed or printed) or in write (it is full, or stopped by Ctrl-S)",
			func(r *row) schema.Value { return r.waiters }),
	}
}

// devName is "" where there is no device.
func devName(dev uint64) string {
	if dev == 0 {
		return ""
	}
	return schema.FormatDev(dev)
}

// ptyRef says which pseudoterminal a descriptor is an end of. ok is false for a master whose fdinfo does not tell, or was not read.
func ptyRef(f *Facts, u FDUse) (schema.Ref, bool) {
	p, fd := u.Process, u.FD
	ref := schema.Ref{Kind: schema.Pty, ID: fd.Ino}
	if fd.Kind == FDPtmx {
		index, err := kernel.ParseTTYIndex(p.info[fd.Num].text)
		if err != nil {
			return ref, false
		}
		ref.ID = uint64(index)
	}
	if fd.Dev != f.ownDevpts() {
		ref.Space = fd.Dev
	}
	return ref, true
}

// ownDevpts is the device of the reader's own /dev/pts; 0: there is none, or it is a file tree's.
func (f *Facts) ownDevpts() uint64 {
	return uint64(Memo(f, func(f *Facts) devptsDevice {
		if !f.Host.Live() {
			return 0
		}
		dev, _ := kernel.DeviceOf("/dev/pts")
		return devptsDevice(dev)
	}))
}

// devptsDevice is the device of a devpts file system.
type devptsDevice uint64

func collectPtys(f *Facts) ([]*schema.Object, error) {
	rows := map[schema.Ref]*ptyRow{}
	var refs []schema.Ref
	for _, p := range f.Processes() {
		for i := range p.fds {
			fd := &p.fds[i]
			if fd.Kind != FDPtmx && fd.Kind != FDSlave {
				continue
			}
			ref, ok := ptyRef(f, FDUse{p, fd})
			if !ok {
				continue
			}
			r := rows[ref]
			if r == nil {
				r = &ptyRow{index: ref.ID, dev: fd.Dev}
				rows[ref] = r
				refs = append(refs, ref)
			}
			if fd.Kind == FDPtmx {
				r.masters = append(r.masters, FDUse{p, fd})
			} else {
				r.slaves = append(r.slaves, FDUse{p, fd})
				r.path = fd.Path
			}
		}
	}
	slices.SortFunc(refs, schema.CompareRefs)
	objects := make([]*schema.Object, 0, len(refs))
	for _, ref := range refs {
		rows[ref].complete(f, ref)
		objects = append(objects, &schema.Object{Ref: ref, Row: rows[ref]})
	}
	return objects, nil
}

func (r *ptyRow) complete(f *Facts, ref schema.Ref) {
	r.holders = [2]schema.Value{f.Holders(r.masters, nil), f.Holders(r.slaves, nil)}
	all := slices.Concat(r.masters, r.slaves)
	r.all = f.Holders(all, nil)
	r.waits = f.fdWaits(all)
	r.waiters = f.waitersValue(ref, r.waits, f.allWaitsSeen(all))
	switch {
	case len(r.masters) > 0 && len(r.slaves) > 0:
		r.status = schema.None(schema.TypeString)
	case strings.HasSuffix(r.path, deletedSuffix):
		r.status = schema.String(NoMaster) // the name goes with the master (devpts_pty_kill)
	case len(r.masters) == 0:
		// The slave's name is there, and so is a master, wherever: in a process that was not seen.
		r.status = schema.None(schema.TypeString)
	case (f.Unseen("fd") > 0 || f.Nested) && !f.slavesClosed(r.masters[0], r.index):
		r.status = schema.None(schema.TypeString)
	default:
		r.status = schema.String(NoSlave)
	}
}

// slavesClosed asks the kernel through a master whether nobody has the slave any more.
func (f *Facts) slavesClosed(master FDUse, index uint64) bool {
	if !f.Host.Live() {
		return false
	}
	closed, err := kernel.SlavesClosed(master.Process.PID, int(master.FD.Num), uint32(index))
	return err == nil && closed
}

func relatePtys(f *Facts, objects []*schema.Object) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		r := o.Row.(*ptyRow)
		for _, side := range []struct {
			uses []FDUse
			name string
		}{{r.masters, "master"}, {r.slaves, "slave"}} {
			held := f.HoldEdges(o.Ref, side.uses, func(*FD) schema.Rel { return schema.RelHolds })
			for i := range held {
				held[i].Via = side.name + " " + held[i].Via
			}
			edges = append(edges, held...)
		}
		edges = append(edges, waitEdges(o.Ref, r.waits)...)
	}
	return edges
}
