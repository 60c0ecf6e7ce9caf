package collect

import (
	"bytes"
	"errors"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// fdInfo is the text of one /proc/PID/fdinfo/N. It is read anew in every tick: a counter, a timer or a lock changes without a step of
// the process that is looked at.
type fdInfo struct {
	text []byte
	err  error
}

// errNotTold is for what this kernel's fdinfo does not say.
var errNotTold = errors.New("not told")

// infoDemand says of which descriptors the walk reads fdinfo.
type infoDemand struct {
	kinds  uint32          // bit n: descriptors of FDKind n
	locked map[uint64]bool // inode numbers of locked files
	files  bool            // of all files: any may have a lock that is unlisted
}

func (d infoDemand) wants(fd *FD) bool {
	return d.kinds>>fd.Kind&1 == 1 || (fd.Kind == FDFile || fd.Kind == FDFifo) && (d.files || d.locked[fd.Ino])
}

// infoKinds are the kinds whose descriptors' fdinfo tells more than their link.
var infoKinds = map[schema.Kind]FDKind{
	schema.EventFD: FDEventFD, schema.Epoll: FDEpoll, schema.SignalFD: FDSignalFD, schema.TimerFD: FDTimerFD,
	schema.Inotify: FDInotify, schema.PidFD: FDPidFD, schema.IOUring: FDIOUring, schema.Pty: FDPtmx,
}

// infoDemand gathers which kinds asked for fdinfo, and which files are locked.
func (f *Facts) infoDemand() infoDemand {
	var d infoDemand
	for kind, fds := range infoKinds {
		if f.Want[kind].Has(schema.NeedFDInfo) {
			d.kinds |= 1 << fds
		}
	}
	if _, ok := f.Want[schema.Wait]; ok {
		d.kinds |= 1<<FDEpoll | 1<<FDEventFD | 1<<FDPidFD
	}
	if d.kinds>>FDEpoll&1 == 1 {
		d.kinds |= 1 << FDEventFD // what it watches goes by the eventfd's number
	}
	_, locks := f.Want[schema.Lock]
	d.files = locks && f.nested
	if len(f.locks) > 0 {
		d.locked = make(map[uint64]bool, len(f.locks))
	}
	for _, l := range f.locks {
		d.locked[l.Ino] = true
	}
	return d
}

// fdinfo reads what was asked for.
func (w *walker) fdinfo(p *Process, dir kernel.ProcDir, buf []byte) {
	for i := range p.fds {
		fd := &p.fds[i]
		if !w.info.wants(fd) {
			continue
		}
		text, err := dir.FDInfo(int(fd.Num), buf)
		if p.info == nil {
			p.info = map[int32]fdInfo{}
		}
		p.info[fd.Num] = fdInfo{bytes.Clone(text), err}
	}
}

// anonKind tells what an anonymous inode is by its link: "anon_inode:[eventfd]"; inotify's has no brackets (fs/notify/inotify).
func anonKind(target []byte) FDKind {
	name, ok := bytes.CutPrefix(target, []byte("anon_inode:"))
	if !ok {
		return 0
	}
	switch string(bytes.Trim(name, "[]")) {
	case "eventfd":
		return FDEventFD
	case "eventpoll":
		return FDEpoll
	case "signalfd":
		return FDSignalFD
	case "timerfd":
		return FDTimerFD
	case "inotify":
		return FDInotify
	case "pidfd":
		return FDPidFD
	case "io_uring":
		return FDIOUring
	}
	return 0
}

// byDescription groups descriptors that share an open file description. Objects without a number of their own are told apart by
// nothing but kcmp(2), which takes the right to ptrace both processes and a kernel that has it; without, each descriptor stands alone.
// kcmp also gives an order, so that n descriptors take n log n calls of one to two microseconds.
func (f *Facts) byDescription(uses []FDUse) [][]FDUse {
	var groups [][]FDUse // in kcmp's order
	var alone [][]FDUse
	for _, u := range uses {
		failed := !f.Host.Live()
		at, found := slices.BinarySearchFunc(groups, u, func(g []FDUse, u FDUse) int {
			if failed {
				return 0
			}
			order, err := kernel.CompareFiles(g[0].Process.PID, int(g[0].FD.Num), u.Process.PID, int(u.FD.Num))
			failed = err != nil
			return order
		})
		switch {
		case failed:
			alone = append(alone, []FDUse{u})
		case found:
			groups[at] = append(groups[at], u)
		default:
			groups = slices.Insert(groups, at, []FDUse{u})
		}
	}
	groups = append(groups, alone...)
	slices.SortFunc(groups, func(a, b []FDUse) int { return compareUses(a[0], b[0]) })
	return groups
}

// descriptions are the open file descriptions of a kind whose inode tells nothing.
func (f *Facts) descriptions(kind FDKind) [][]FDUse {
	groups, ok := f.groups[kind]
	if !ok {
		if f.groups == nil {
			f.groups = map[FDKind][][]FDUse{}
		}
		groups = f.byDescription(f.FDUses(kind, 0, 0))
		f.groups[kind] = groups
	}
	return groups
}

func compareUses(a, b FDUse) int {
	if a.Process.PID != b.Process.PID {
		return a.Process.PID - b.Process.PID
	}
	return int(a.FD.Num - b.FD.Num)
}
