package proc

import (
	"cmp"
	"errors"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// The threads of a process share one table of descriptors. After unshare(CLONE_FILES), or clone(2) without CLONE_FILES,
// a thread has a table of its own. /proc/PID/fd shows the first thread's table only. /proc/TID/fd shows the table of
// each thread. The walk compares the tables by kcmp(2), for processes with several threads that have run since the last
// tick. Where kcmp is refused (a filter of a container, a kernel without it), the walk reads the descriptors of each
// thread instead, and compares them.

// OwnTable is a table of descriptors that some threads have instead of the table of their process.
type OwnTable struct{ TIDs []int }

// FDNum names a descriptor of a process: its number, and the table that it is in.
type FDNum struct {
	Table uint16 // see FD.Table
	Num   int32
}

// ID is the name of a descriptor among those of its process.
func (fd *FD) ID() FDNum { return FDNum{fd.Table, fd.Num} }

// TableOf is the FD.Table of a thread.
func (p *Process) TableOf(tid int) uint16 {
	for i, own := range p.OwnTables {
		if slices.Contains(own.TIDs, tid) {
			return uint16(i + 1)
		}
	}
	return 0
}

// TableThreads lists a thread for each table of descriptors of the process.
func (p *Process) TableThreads() []int {
	threads := []int{p.Living()}
	for _, own := range p.OwnTables {
		threads = append(threads, own.TIDs[0])
	}
	return threads
}

// ofTable is a thread that has the table: a number for kcmp(2), pidfd_open(2) and /proc.
func (p *Process) ofTable(table uint16) (tid int) {
	if table == 0 {
		return p.Living()
	}
	return p.OwnTables[table-1].TIDs[0]
}

// TID is the number of a thread that has the descriptor in its table. /proc/TID/fd and kcmp(2) go by the table of the
// thread.
func (u FDUse) TID() int { return u.Process.ofTable(u.FD.Table) }

// OwnThread is a thread that has the descriptor in a table of its own. It is 0 for a descriptor in the table of the
// process.
func (u FDUse) OwnThread() int {
	if u.FD.Table == 0 {
		return 0
	}
	return u.TID()
}

// Awaited reports whether a call of the process waits on this descriptor.
func (u FDUse) Awaited(w *Wait) bool {
	return w.Kind == "" && w.FD == u.FD.Num && u.Process.TableOf(w.Thread) == u.FD.Table
}

// errTooManyThreads means that the tables of the threads could be neither compared nor read in a short time.
var errTooManyThreads = errors.New("too many threads and descriptors to look for threads with tables of their own")

// ownTables adds the descriptors of threads with own tables. scan has read those of the process.
func (p *Process) ownTables(dir process.Dir, buf []byte, scan *fdScan) {
	if p.Threads < 2 || !dir.Live() || p.FDErr != nil {
		return
	}
	tids, err := dir.TIDs(buf)
	if err != nil {
		p.OwnErr = failure(err)
		return
	}
	first := p.Living()
	var order tableOrder
	for _, tid := range tids {
		if tid == first || tid == p.PID { // a first thread that has ended has no table
			continue
		}
		same, err := dir.SameFiles(first, tid)
		switch {
		case sys.Gone(err): // the thread has just ended
		case err != nil:
			ownWithoutKcmp(p, dir, buf, scan, tids)
			return
		case !same && !p.joinsOwnTable(tid, &order):
			scan.ofThread(p, dir, tid, buf, func([]FD) bool { return false })
			order.add(p)
		}
	}
}

// tableOrder has the indexes of a process's OwnTables in the order of kcmp(2). Each of thousands of threads may have
// its own table.
type tableOrder struct {
	tables []int
	next   int // the place of a table that is not in it
}

// joinsOwnTable adds the thread to a table that other threads of the process have already.
func (p *Process) joinsOwnTable(tid int, order *tableOrder) bool {
	at, found := slices.BinarySearchFunc(order.tables, tid, func(table, tid int) int {
		n, _ := process.CompareShared(process.SharedFiles, p.OwnTables[table].TIDs[0], tid) // on an error it has ended
		return n
	})
	order.next = at
	if !found {
		return false
	}
	own := &p.OwnTables[order.tables[at]]
	same, err := process.SameFiles(own.TIDs[0], tid)
	if err != nil || !same {
		return false
	}
	own.TIDs = append(own.TIDs, tid)
	return true
}

// add adds the last of the OwnTables, if it is not there.
func (o *tableOrder) add(p *Process) {
	if n := len(p.OwnTables); n > len(o.tables) {
		o.tables = slices.Insert(o.tables, o.next, n-1)
	}
}

// ownWithoutKcmp reads the descriptors of each thread. A table with the same descriptors as the process's table is
// taken as the same table. If it is another one, nothing in it stays unseen.
func ownWithoutKcmp(p *Process, dir process.Dir, buf []byte, scan *fdScan, tids []int) {
	const most = 1 << 14 // links of descriptors, 3 microseconds each
	if len(tids)*max(scan.seen, 1) > most {
		p.OwnErr = errTooManyThreads
		return
	}
	n := len(scan.found)
	shared := func(found []FD) bool { return slices.Equal(found, scan.found[:n]) }
	for _, tid := range tids {
		if tid != p.Living() && tid != p.PID {
			scan.ofThread(p, dir, tid, buf, shared)
		}
	}
}

// ofThread adds the descriptors of a thread with an own table. A thread that ends has an empty table (exit_files in
// kernel/exit.c): it is left out. So is a table that is the process's own by its descriptors.
func (s *fdScan) ofThread(p *Process, dir process.Dir, tid int, buf []byte, shared func([]FD) bool) {
	of, err := dir.OfThread(tid)
	if err != nil {
		p.OwnErr = cmp.Or(p.OwnErr, failure(err))
		return
	}
	defer of.Close()
	own := s.ofTable(of)
	err = of.FDs(buf, own.visit)
	if err = cmp.Or(err, own.err); err != nil && !sys.Gone(err) {
		p.OwnErr = err
	}
	if own.seen == 0 || shared(own.found) {
		return
	}
	s.addTable(p, tid, own)
}

// ofTable is a scan for another table of the process. of is the directory of a thread that has the table.
func (s *fdScan) ofTable(of process.Dir) *fdScan {
	own := *s
	own.proc, own.found, own.seen, own.skipped, own.err = of, nil, 0, 0, nil
	own.risky = s.riskyOf(of) // the thread may be in another mount namespace
	return &own
}

// addTable adds the descriptors of a thread's own table to those of the process.
func (s *fdScan) addTable(p *Process, tid int, own *fdScan) {
	p.OwnTables = append(p.OwnTables, OwnTable{[]int{tid}})
	for i := range own.found {
		own.found[i].Table = uint16(len(p.OwnTables))
	}
	s.found, s.skipped = append(s.found, own.found...), s.skipped+own.skipped
}

// withTable calls do with the directory that has the table's descriptors, if the directory is still there.
func (p *Process) withTable(dir process.Dir, table uint16, do func(process.Dir)) {
	if table == 0 {
		do(dir)
		return
	}
	if of, err := dir.OfThread(p.ofTable(table)); err == nil {
		do(of)
		of.Close()
	}
}
