package doctor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// place is an IPC namespace or a /dev/shm that is not the reader's own. Its space is the Space of Refs there: an inode
// or a device.
type place struct {
	space uint64
	whose string
	shm   *proc.ShmSpace // nil: it is an IPC namespace
}

// placeOf is the place of an object. The zero place is the reader's own, or the whole machine.
func placeOf(o *schema.Object) place {
	at, shm := proc.Place{}, kinds.ShmSpaceOf(o)
	switch r := o.Row.(type) {
	case *kinds.MsgRow:
		at = r.Owners.Place
	case *kinds.SemRow:
		at = r.Owners.Place
	case *kinds.ShmRow:
		at = r.Owners.Place
	case *kinds.PMsgRow:
		at = r.Place
	case *kinds.PSemRow:
		at = r.Place
	case *kinds.PShmRow:
		at = r.Place
	case *kinds.LimitRow:
		at, shm = r.Place, r.Shm
	}
	if at.Space == 0 {
		return place{}
	}
	return place{at.Space, at.Leader.Str(), shm}
}

// String names the place in a sentence.
func (p place) String() string {
	whose := cmp.Or(p.whose, "nobody that is known")
	if p.shm != nil {
		return fmt.Sprintf("the /dev/shm of %s (device %s)", whose, schema.FormatDev(p.space))
	}
	return fmt.Sprintf("the IPC namespace of %s (%d)", whose, p.space)
}

// inside is the command that runs another command there; "" if nothing is known to lead there.
func (x *examination) inside(p place) string {
	if p.shm != nil {
		return fmt.Sprintf("nsenter --target %d --mount", p.shm.Way.PID)
	}
	if way, ok := x.snap.Way("ipc", p.space); ok {
		return "nsenter --ipc=" + way.Path
	}
	return ""
}

// elsewhere are the checks of one IPC namespace or /dev/shm. Examine runs them for every other place, too.
func elsewhere() []func(*examination) []schema.Finding {
	return []func(*examination) []schema.Finding{objectLimits, fullQueues, devShmRoom, heldMemory, orphans, rmidForced}
}

// others lists the other places, by space.
func (x *examination) others() []place {
	var all []place
	for kind := range Wants() {
		for _, o := range x.snap.Objects[kind] {
			if p := placeOf(o); p.space != 0 && !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.space, b.space), cmp.Compare(a.whose, b.whose))
	})
	return slices.CompactFunc(all, func(a, b place) bool { return a.space == b.space })
}

// examineOthers runs the checks of every other place. Each finding names its place.
func (x *examination) examineOthers() []schema.Finding {
	var all []schema.Finding
	for _, p := range x.others() {
		x.at = p
		for _, look := range elsewhere() {
			for _, f := range look(x) {
				f.Says = "in " + p.String() + ": " + f.Says
				if way := x.inside(p); way != "" &&
					slices.Contains([]string{"limit", "dev-shm", "rmid-forced"}, f.Kind) {
					f.Advice = "Inside (`" + way + "`): " + f.Advice
				}
				all = append(all, f)
			}
		}
	}
	x.at = place{}
	return all
}

// visit runs do at the place that is examined.
func (x *examination) visit(do func() error) error {
	if x.at.space == 0 || x.at.shm != nil {
		return do()
	}
	way, ok := x.snap.Way("ipc", x.at.space)
	if !ok {
		return fmt.Errorf("nothing that can be seen from here leads to %s", x.at)
	}
	return x.host.VisitNamespace(way, do)
}

// shmUse is the size and use of the /dev/shm that is examined. ok is false in an IPC namespace, or if it could not be
// read.
func (x *examination) shmUse() (use posix.DevShmUse, ok bool) {
	var err error
	switch {
	case x.at.shm != nil:
		err = x.host.VisitShm(x.at.shm.Way, func(d posix.ShmDir) (err error) { use, err = d.Use(); return err })
	case x.at.space != 0:
		return use, false
	default:
		use, err = x.host.DevShmUse()
	}
	return use, x.read("/dev/shm", err)
}
