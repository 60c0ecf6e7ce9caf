package kinds

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// LockRow is a held lock: flock, POSIX, OFD or a lease. A request that waits for the lock is not a row, but one of
// its waiters.
type LockRow struct {
	fdinfo.HeldLock
	Ref              schema.Ref
	Owner            *proc.Process // the process that took the lock; nil: gone or not known
	Uses             []proc.FDUse  // descriptors on the open file description with the lock
	Waits            []lockWait
	size             schema.Value
	holders, waiters schema.Value
}

// LockBreaking is the status of a lease that its holder must give up.
const LockBreaking = "breaking"

const lockNeeds = proc.NeedProcs | proc.NeedFDs | proc.NeedLocks

// Lock is the Mechanism of file locks.
func Lock() *Mechanism {
	return &Mechanism{
		Kind: schema.Lock, Family: Locks, Title: "File locks",
		Descriptor: &proc.Descriptor{Kind: schema.Lock, Files: lockedFiles},
		Ends:       "a lock goes away when its holder gives it up or ends: " + EndHolders,
		Help: "flock, POSIX and OFD locks and leases: who holds one, on which file and range, " +
			"and who waits for it",
		Columns: lockColumns(),
		Default: []string{"command", "pid", "type", "mode", "range_start", "range_end", "path", "holders", "waiters"},
		Needs:   lockNeeds, Relates: proc.NeedSyscall,
		Collect: collectLocks, Relate: relateLocks,
		Label: func(o *schema.Object) string {
			r := o.Row.(*LockRow)
			return strings.TrimSpace(r.Path() + " " + r.Class + " " + r.Mode)
		},
	}
}

// lockedFiles selects the files that /proc/locks names. In a nested pid namespace, /proc/locks leaves out locks whose
// owner is outside (fs/locks.c, locks_show): there, fdinfo of every file may tell a lock.
func lockedFiles(t *proc.Tick) (inodes map[uint64]bool, all bool) {
	inodes = make(map[uint64]bool, len(t.Locks))
	for _, l := range t.Locks {
		inodes[l.Ino] = true
	}
	_, wanted := t.Want[schema.Lock]
	return inodes, wanted && t.Nested
}

func lockColumns() []schema.Column {
	type row = LockRow
	col := schema.Col[row]
	text := func(id string, width int, help string, get func(*row) string) schema.Column {
		return col(id, schema.TypeString, width, lockNeeds, help,
			func(r *row) schema.Value { return WordValue(get(r)) })
	}
	return []schema.Column{
		text("command", 15, "who took it; the first holder if that is gone, or not told as of OFD locks",
			(*row).command),
		col("pid", schema.TypeInt, 7, lockNeeds,
			"process that took it, which may be gone while another holds it; an OFD lock does not tell",
			func(r *row) schema.Value { return proc.PID(max(0, r.PID)) }),
		text("type", 6, "FLOCK (flock), POSIX (fcntl), OFDLCK (fcntl, of the open file description), LEASE",
			func(r *row) string { return r.Class }),
		text("mode", 5, "READ (shared) or WRITE (exclusive); of a breaking lease what it is to become: READ or UNLCK",
			func(r *row) string { return r.Mode }),
		text("status", 8, "breaking: another process opens the file, so that the lease's holder should give it up",
			func(r *row) string {
				if r.State == "BREAKING" {
					return LockBreaking
				}
				return ""
			}),
		col("m", schema.TypeBool, 3, lockNeeds, "whether the lock is mandatory, which ended with Linux 5.15",
			func(r *row) schema.Value { return schema.Bool(r.State == "MANDATORY") }),
		col("range_start", schema.TypeInt, 7, lockNeeds, "first byte that is locked",
			func(r *row) schema.Value { return schema.Int(int64(r.Start)) }).Titled("START"),
		col("range_end", schema.TypeInt, 7, lockNeeds, "last byte that is locked; blank: to the end, however "+
			"the file grows",
			func(r *row) schema.Value {
				if r.End == fdinfo.EOF {
					return schema.None(schema.TypeInt)
				}
				return schema.Int(int64(r.End))
			}).Titled("END"),
		col("size", schema.TypeBytes, 6, lockNeeds, "size of the file", func(r *row) schema.Value { return r.size }),
		col("inode", schema.TypeInt, 9, lockNeeds, "inode number of the file",
			func(r *row) schema.Value { return schema.Int(int64(r.Ino)) }),
		text("maj_min", 7, "device of the file's file system, major:minor",
			func(r *row) string { return schema.FormatDev(r.Dev) }).Titled("MAJ:MIN"),
		col("path", schema.TypeString, 30, lockNeeds,
			"where a holder reached the file; (deleted) where the name is gone",
			func(r *row) schema.Value { return pathValue(r.Path()) }),
		col("holders", schema.TypeEndpoints, 24, lockNeeds, "descriptors on the open file that it belongs to",
			func(r *row) schema.Value { return r.holders }),
		col("waiters", schema.TypeEndpoints, 24, lockNeeds|proc.NeedSyscall,
			"threads that wait for it: what they called, and the lock that they want",
			func(r *row) schema.Value { return r.waiters }),
	}
}

func (r *LockRow) command() string {
	switch {
	case r.Owner != nil:
		return r.Owner.Comm
	case len(r.Uses) > 0:
		return r.Uses[0].Process.Comm
	}
	return ""
}

// Path is the path of the locked file, as its first holder sees it. It is "" without a holder.
func (r *LockRow) Path() string {
	if len(r.Uses) == 0 {
		return ""
	}
	return r.Uses[0].FD.Path
}

func pathValue(path string) schema.Value {
	if path == "" {
		return schema.None(schema.TypeString)
	}
	return schema.Name(path)
}

func collectLocks(t *proc.Tick) ([]*schema.Object, error) {
	requests := lockRequestsOf(t)
	readUnlisted(t, requests)
	uses := lockUses(t)
	locks := slices.Concat(t.Locks, unlistedLocks(t, uses))
	names := map[schema.Ref]int{}
	objects := make([]*schema.Object, 0, len(locks))
	for i, l := range locks {
		r := &LockRow{HeldLock: l}
		if groups := uses[l.FileLock]; len(groups) > 0 {
			r.Uses, uses[l.FileLock] = groups[0], groups[1:]
		}
		r.setOwner(t)
		r.name(names)
		r.setHolders(t)
		if i >= len(t.Locks) {
			r.Waiters = r.unlistedWaiters(requests)
		}
		r.setWaiters(t, requests)
		objects = append(objects, &schema.Object{Ref: r.Ref, Row: r})
	}
	// The kernel lists locks by CPU and by time. Rows must stay in place.
	slices.SortStableFunc(objects, func(a, b *schema.Object) int {
		x, y := a.Row.(*LockRow), b.Row.(*LockRow)
		return cmp.Or(cmp.Compare(x.Dev, y.Dev), cmp.Compare(x.Ino, y.Ino), cmp.Compare(x.Start, y.Start),
			schema.CompareRefs(x.Ref, y.Ref))
	})
	return objects, t.LocksErr
}

// ofdPID marks a lock of an open file description, which no process owns.
const ofdPID = -1

// setOwner finds the process that took the lock. The process that took a flock may have ended. The usual case is
// "exec 9>f; flock 9" in a shell. Its pid may then belong to another process. The process counts only if it has the
// file open, or if nobody was seen with the file.
func (r *LockRow) setOwner(t *proc.Tick) {
	taker := func(u proc.FDUse) bool { return u.Process.PID == r.PID }
	switch {
	case r.PID == ofdPID && len(r.Uses) > 0:
		r.Owner = r.Uses[0].Process
	case r.Class == "POSIX" || len(r.Uses) == 0 || slices.ContainsFunc(r.Uses, taker):
		r.Owner = t.Process(r.PID)
	}
}

// lockUses finds the descriptors behind each lock, from fdinfo. Several equal lines in /proc/locks belong to several
// open file descriptions.
func lockUses(t *proc.Tick) map[fdinfo.FileLock][][]proc.FDUse {
	found := map[fdinfo.FileLock][]proc.FDUse{}
	for _, p := range t.Processes() {
		for i := range p.FDs {
			if fd := &p.FDs[i]; fd.Kind == proc.FDFile || fd.Kind == proc.FDFifo {
				for _, l := range fdinfo.ParseFDInfoLocks(p.Info[fd.ID()].Text) {
					found[l] = append(found[l], proc.FDUse{Process: p, FD: fd})
				}
			}
		}
	}
	lines := map[fdinfo.FileLock]int{}
	for _, l := range t.Locks {
		lines[l.FileLock]++
	}
	groups := make(map[fdinfo.FileLock][][]proc.FDUse, len(found))
	for l, uses := range found {
		if lines[l] > 1 || unlisted(&l) && l.Mode != "WRITE" {
			groups[l] = t.ByDescription(uses)
		} else {
			groups[l] = [][]proc.FDUse{uses}
		}
	}
	return groups
}

// name makes the Ref from file, type, owner and range: "lock:12/posix/4242/0-99@8:1". The owner of an OFD lock is its
// first holder. taken counts the locks by the name that they would have. If a process has several equal locks, the
// later ones get the descriptor, "4242.7", or else a number.
func (r *LockRow) name(taken map[schema.Ref]int) {
	r.Ref = schema.Ref{Kind: schema.Lock, Space: r.Dev}
	pid := r.PID
	if r.Owner != nil {
		pid, r.Ref.Gen = r.Owner.PID, r.Owner.Start
	}
	owner := strconv.Itoa(max(0, pid))
	set := func(owner string) {
		r.Ref.Name = fmt.Sprintf("%d/%s/%s/%s", r.Ino, strings.ToLower(r.Class), owner, r.Range())
	}
	set(owner)
	if taken[r.Ref] > 0 && len(r.Uses) > 0 {
		owner += "." + strconv.Itoa(int(r.Uses[0].FD.Num))
		set(owner)
	}
	first := r.Ref
	for taken[r.Ref] > 0 {
		taken[first]++
		set(owner + "." + strconv.Itoa(taken[first]))
	}
	taken[r.Ref]++
}

// setHolders lists the processes with the open file. A POSIX lock belongs to its process, through any descriptor.
func (r *LockRow) setHolders(t *proc.Tick) {
	r.holders = t.Holders(r.Uses, nil)
	if r.Class == "POSIX" && r.Owner != nil {
		r.holders = schema.Endpoints(r.holders.Endpoints(), false)
	}
	if len(r.Uses) == 0 && r.Owner != nil {
		r.holders = schema.Endpoints([]schema.Endpoint{t.Endpoint(r.Owner, -1, "")},
			r.Class != "POSIX" && t.Unseen("fd") > 0)
	}
	if len(r.Uses) == 0 && r.Owner == nil {
		// Every lock has a holder. /proc/locks also has OFD locks from outside the pid namespace, since they name no
		// process.
		r.holders = schema.Refused(schema.TypeEndpoints)
		if t.Nested {
			t.FoundOutside()
		}
	}
	r.size = schema.None(schema.TypeBytes)
	if len(r.Uses) > 0 && t.Host.Live() {
		size, err := t.Host.FileSize(r.Uses[0].TID(), int(r.Uses[0].FD.Num))
		switch {
		case err == nil:
			r.size = schema.Bytes(size)
		case sys.Denied(err):
			r.size = schema.Refused(schema.TypeBytes)
		}
	}
}

func relateLocks(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		r := o.Row.(*LockRow)
		for _, e := range r.holders.Endpoints() {
			edge := schema.Edge{From: e.Ref(), To: r.Ref, Rel: schema.RelHolds, Via: schema.OnFD(e.FD, 0),
				Proof: schema.Observed}
			if e.FD < 0 {
				edge.Via = schema.InWords(strings.ToLower(r.Class) + " " + r.Mode)
			}
			if e.FD < 0 && r.Class != "POSIX" {
				// the process took the lock; the present holders of the open file were not seen
				edge.Proof = schema.Inferred
			}
			add(edge)
		}
		for _, w := range r.Waits {
			add(schema.Edge{From: w.End.Ref(), To: r.Ref, Rel: schema.RelWaitsOn, Via: schema.InWords(w.End.Mode),
				Proof: schema.Observed})
		}
	}
}
