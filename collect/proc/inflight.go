package proc

import (
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// HiddenFiles counts the open files that no process has a descriptor of.
type HiddenFiles struct {
	InFlight   int // descriptors in messages on UNIX sockets (SCM_RIGHTS) that no process has received yet
	Registered int // files that are registered with an io_uring; a process may close its descriptor after that
	// Carriers are the descriptors whose files have such messages, or whose fdinfo could not be read. A socket is there
	// once: FDUses lists all processes that may receive from it.
	Carriers []FDUse
}

// HiddenFiles counts the hidden files, once a tick. It reads fdinfo of all rings, and of the sockets that may hold a
// message.
func (t *Tick) HiddenFiles() HiddenFiles { return Memo(t, countHidden) }

func countHidden(t *Tick) (hidden HiddenFiles) {
	count := t.table.hidden()
	seen := map[uint64]bool{}
	queues := socketQueues{tick: t}
	for _, p := range t.procs {
		for i := range p.FDs {
			fd := &p.FDs[i]
			if count[fd.Kind] == nil || fd.Kind == FDSocket && (seen[fd.Ino] || queues.empty(fd.Ino)) {
				continue
			}
			text, err := t.DescriptorText(FDUse{p, fd})
			var found HiddenFiles
			switch {
			case sys.Gone(err):
				continue
			case err != nil:
				found.InFlight = 1 // fdinfo is unreadable: the descriptor may keep a file
			default:
				found = count[fd.Kind](text)
			}
			hidden.InFlight += found.InFlight
			hidden.Registered += found.Registered
			if found.InFlight > 0 {
				hidden.Carriers = append(hidden.Carriers, FDUse{p, fd})
			}
			seen[fd.Ino] = seen[fd.Ino] || fd.Kind == FDSocket
		}
	}
	return hidden
}

// socketQueues tells which sockets hold no message, from the dumps of sockets. A look at fdinfo takes three system
// calls for each socket, a dump takes one for hundreds of sockets.
type socketQueues struct {
	tick  *Tick
	known map[uint64]bool // the sockets of the dumps that were made; true: it holds no message
	all   bool            // all dumps were made
}

// empty reports whether a socket holds no message. It dumps first the kinds whose sockets may hide a file, in the
// reader's own network namespace. Most sockets are there.
func (q *socketQueues) empty(ino uint64) bool {
	if q.known == nil {
		q.known = map[uint64]bool{}
		q.dump(q.tick.OwnSpace("net"), func(d *Descriptor) bool { return d.Hidden != nil })
	}
	if empty, ok := q.known[ino]; ok || q.all {
		return empty
	}
	q.all = true
	q.dump(q.tick.OwnSpace("net"), func(d *Descriptor) bool { return d.Hidden == nil })
	q.tick.inOtherNets(func(net uint64) { q.dump(net, func(*Descriptor) bool { return true }) })
	return q.known[ino]
}

// dump adds the sockets of some kinds in a network namespace.
func (q *socketQueues) dump(net uint64, of func(*Descriptor) bool) {
	for i := range q.tick.table.rows {
		row := &q.tick.table.rows[i]
		if row.Sockets == nil || !of(row) {
			continue
		}
		for _, ino := range row.Sockets(q.tick, net) {
			q.known[ino] = row.Hidden == nil
		}
		if row.Empty == nil {
			continue
		}
		for _, ino := range row.Empty(q.tick, net) {
			q.known[ino] = true
		}
	}
}

// hidden returns each row's Hidden by class of descriptors. One class holds the sockets of all kinds.
func (t *table) hidden() map[FDKind]func([]byte) HiddenFiles {
	count := map[FDKind]func([]byte) HiddenFiles{}
	for _, row := range t.rows {
		if row.Hidden == nil {
			continue
		}
		if row.Sockets != nil {
			count[FDSocket] = row.Hidden
		} else {
			count[t.kinds[row.Kind]] = row.Hidden
		}
	}
	return count
}

// DescriptorText reads a descriptor's fdinfo.
func (t *Tick) DescriptorText(u FDUse) ([]byte, error) {
	dir, err := t.Host.OpenProc(u.TID())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.FDInfo(int(u.FD.Num), nil)
}
