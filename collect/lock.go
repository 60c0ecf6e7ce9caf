package collect

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// lockRow is a lock that is held: flock, POSIX, OFD or a lease. A request that waits for it is one of its waiters, not a row.
type lockRow struct {
	kernel.HeldLock
	ref              schema.Ref
	owner            *Process // who took it, as far as it is still there and known
	uses             []FDUse  // descriptors on the description that it belongs to
	waits            []lockWait
	size             schema.Value
	holders, waiters schema.Value
}

// LockBreaking is the status of a lease that its holder is asked to give up.
const LockBreaking = "breaking"

const lockNeeds = schema.NeedProcs | schema.NeedFDs | schema.NeedLocks

func lockMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Lock, Family: Locks, Title: "File locks", Help: "flock, POSIX and OFD locks and leases: who holds one, on which file and range, and who waits for it",
		Columns: lockColumns(),
		Default: []string{"command", "pid", "type", "mode", "range_start", "range_end", "path", "holders", "waiters"},
		Needs:   lockNeeds, Relates: schema.NeedSyscall,
		Collect: collectLocks, Relate: relateLocks,
		Label: func(o *schema.Object) string {
			r := o.Row.(*lockRow)
			return strings.TrimSpace(r.path() + " " + r.Class + " " + r.Mode)
		},
	}
}

func lockColumns() []schema.Column {
	type row = lockRow
	col := schema.Col[row]
	text := func(id string, width int, help string, get func(*row) string) schema.Column {
		return col(id, schema.TypeString, width, lockNeeds, help, func(r *row) schema.Value { return statusValue(get(r)) })
	}
	return []schema.Column{
		text("command", 15, "who took it; the first holder if that is gone, or not told as of OFD locks", (*row).command),
		col("pid", schema.TypeInt, 7, lockNeeds, "process that took it, which may be gone while another holds it; an OFD lock does not tell",
			func(r *row) schema.Value { return PID(max(0, r.PID)) }),
		text("type", 6, "FLOCK (flock), POSIX (fcntl), OFDLCK (fcntl, of the open file description), LEASE", func(r *row) string { return r.Class }),
		text("mode", 5, "READ (shared) or WRITE (exclusive); of a breaking lease what it is to become: READ or UNLCK", func(r *row) string { return r.Mode }),
		text("status", 8, "breaking: another process opens the file, so that the lease's holder should give it up", func(r *row) string {
			if r.State == "BREAKING" {
				return LockBreaking
			}
			return ""
		}),
		col("m", schema.TypeBool, 3, lockNeeds, "whether the lock is mandatory, which ended with Linux 5.15", func(r *row) schema.Value { return schema.Bool(r.State == "MANDATORY") }),
		col("range_start", schema.TypeInt, 7, lockNeeds, "first byte that is locked", func(r *row) schema.Value { return schema.Int(int64(r.Start)) }).Titled("START"),
		col("range_end", schema.TypeInt, 7, lockNeeds, "last byte that is locked; blank: to the end, however the file grows", func(r *row) schema.Value {
			if r.End == kernel.EOF {
				return schema.None(schema.TypeInt)
			}
			return schema.Int(int64(r.End))
		}).Titled("END"),
		col("size", schema.TypeBytes, 6, lockNeeds, "size of the file", func(r *row) schema.Value { return r.size }),
		col("inode", schema.TypeInt, 9, lockNeeds, "inode number of the file", func(r *row) schema.Value { return schema.Int(int64(r.Ino)) }),
		text("maj_min", 7, "device of the file's file system, major:minor", func(r *row) string { return schema.FormatDev(r.Dev) }).Titled("MAJ:MIN"),
		text("path", 30, "where a holder reached the file; (deleted) where the name is gone", (*row).path),
		col("holders", schema.TypeEndpoints, 24, lockNeeds, "descriptors on the open file that it belongs to", func(r *row) schema.Value { return r.holders }),
		col("waiters", schema.TypeEndpoints, 24, lockNeeds|schema.NeedSyscall, "threads that wait for it: what they called, and the lock that they want", func(r *row) schema.Value { return r.waiters }),
	}
}

func (r *lockRow) command() string {
	switch {
	case r.owner != nil:
		return r.owner.Comm
	case len(r.uses) > 0:
		return r.uses[0].Process.Comm
	}
	return ""
}

func (r *lockRow) path() string {
	if len(r.uses) == 0 {
		return ""
	}
	return r.uses[0].FD.Path
}

// readLocks lists the locks before the walk, which then looks for descriptors on the locked files.
func (f *Facts) readLocks() {
	if f.Needs.Has(schema.NeedLocks) {
		f.Locks, f.LocksErr = f.Host.Locks()
	}
}

func collectLocks(f *Facts) ([]*schema.Object, error) {
	requests := f.lockRequests()
	f.readUnlisted(requests)
	uses := f.lockUses()
	locks := slices.Concat(f.Locks, f.unlistedLocks(uses))
	names := map[schema.Ref]bool{}
	objects := make([]*schema.Object, 0, len(locks))
	for i, l := range locks {
		r := &lockRow{HeldLock: l}
		if groups := uses[l.FileLock]; len(groups) > 0 {
			r.uses, uses[l.FileLock] = groups[0], groups[1:]
		}
		r.setOwner(f)
		r.name(names)
		r.setHolders(f)
		if i >= len(f.Locks) {
			r.Waiters = r.unlistedWaiters(requests)
		}
		r.setWaiters(f, requests)
		objects = append(objects, &schema.Object{Ref: r.ref, Row: r})
	}
	// The kernel's order is that of taking, per CPU: rows should keep their places.
	slices.SortStableFunc(objects, func(a, b *schema.Object) int {
		x, y := a.Row.(*lockRow), b.Row.(*lockRow)
		return cmp.Or(cmp.Compare(x.Dev, y.Dev), cmp.Compare(x.Ino, y.Ino), cmp.Compare(x.Start, y.Start), schema.CompareRefs(x.ref, y.ref))
	})
	return objects, f.LocksErr
}

// ofdPID stands for a lock of an open file description, which no process owns.
const ofdPID = -1

// setOwner finds the process that took the lock. The one that took a flock may have ended since, "exec 9>f; flock 9" in a shell being
// the usual case, and its pid may be another's: it counts if it has the open file, or if nobody was seen to have it.
func (r *lockRow) setOwner(f *Facts) {
	taker := func(u FDUse) bool { return u.Process.PID == r.PID }
	switch {
	case r.PID == ofdPID && len(r.uses) > 0:
		r.owner = r.uses[0].Process
	case r.Class == "POSIX" || len(r.uses) == 0 || slices.ContainsFunc(r.uses, taker):
		r.owner = f.Process(r.PID)
	}
}

// lockUses finds the descriptors behind each lock by fdinfo. Of equal lines in /proc/locks each has a description of its own.
func (f *Facts) lockUses() map[kernel.FileLock][][]FDUse {
	found := map[kernel.FileLock][]FDUse{}
	for _, p := range f.Processes() {
		for i := range p.fds {
			if fd := &p.fds[i]; fd.Kind == FDFile || fd.Kind == FDFifo {
				for _, l := range kernel.ParseFDInfoLocks(p.info[fd.Num].text) {
					found[l] = append(found[l], FDUse{p, fd})
				}
			}
		}
	}
	lines := map[kernel.FileLock]int{}
	for _, l := range f.Locks {
		lines[l.FileLock]++
	}
	groups := make(map[kernel.FileLock][][]FDUse, len(found))
	for l, uses := range found {
		if lines[l] > 1 || unlisted(&l) && l.Mode != "WRITE" {
			groups[l] = f.byDescription(uses)
		} else {
			groups[l] = [][]FDUse{uses}
		}
	}
	return groups
}

// name makes the Ref of file, type, owner and range: "lock:12/posix/4242/0-99@8:1". An OFD lock goes by its first holder. Of equal
// locks of one process the later ones bear the descriptor, "4242.7", or else a number as well.
func (r *lockRow) name(taken map[schema.Ref]bool) {
	r.ref = schema.Ref{Kind: schema.Lock, Space: r.Dev}
	pid := r.PID
	if r.owner != nil {
		pid, r.ref.Gen = r.owner.PID, r.owner.Start
	}
	owner := strconv.Itoa(max(0, pid))
	set := func(owner string) {
		r.ref.Name = fmt.Sprintf("%d/%s/%s/%s", r.Ino, strings.ToLower(r.Class), owner, r.Range())
	}
	set(owner)
	if taken[r.ref] && len(r.uses) > 0 {
		owner += "." + strconv.Itoa(int(r.uses[0].FD.Num))
		set(owner)
	}
	for n := 2; taken[r.ref]; n++ {
		set(owner + "." + strconv.Itoa(n))
	}
	taken[r.ref] = true
}

// setHolders names who has the open file. A POSIX lock belongs to its process, whatever descriptor it has.
func (r *lockRow) setHolders(f *Facts) {
	r.holders = f.Holders(r.uses, nil)
	if r.Class == "POSIX" && r.owner != nil {
		r.holders = schema.Endpoints(r.holders.Endpoints(), false)
	}
	if len(r.uses) == 0 && r.owner != nil {
		r.holders = schema.Endpoints([]schema.Endpoint{f.Endpoint(r.owner, -1, "")}, r.Class != "POSIX" && f.Unseen("fd") > 0)
	}
	if len(r.uses) == 0 && r.owner == nil {
		// Somebody holds every lock. OFD locks from outside the pid namespace are in /proc/locks, as they name no process.
		r.holders = schema.Refused(schema.TypeEndpoints)
		if f.Nested {
			f.FoundOutside()
		}
	}
	r.size = schema.None(schema.TypeBytes)
	if len(r.uses) > 0 && f.Host.Live() {
		size, err := f.Host.FileSize(r.uses[0].Process.PID, int(r.uses[0].FD.Num))
		switch {
		case err == nil:
			r.size = schema.Bytes(size)
		case kernel.Denied(err):
			r.size = schema.Refused(schema.TypeBytes)
		}
	}
}

func relateLocks(_ *Facts, objects []*schema.Object) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		r := o.Row.(*lockRow)
		for _, e := range r.holders.Endpoints() {
			edge := schema.Edge{From: e.Ref(), To: r.ref, Rel: schema.RelHolds, Via: strings.ToLower(r.Class) + " " + r.Mode, Proof: schema.Observed}
			if e.FD >= 0 {
				edge.Via = fmt.Sprintf("fd %d", e.FD)
			} else if r.Class != "POSIX" {
				edge.Proof = schema.Inferred // it took the lock; who has the open file now could not be seen
			}
			edges = append(edges, edge)
		}
		for _, w := range r.waits {
			edges = append(edges, schema.Edge{From: w.end.Ref(), To: r.ref, Rel: schema.RelWaitsOn, Via: w.end.Mode, Proof: schema.Observed})
		}
	}
	return edges
}
