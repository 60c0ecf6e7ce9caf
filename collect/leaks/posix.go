package leaks

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// posixEvidence gathers the evidence on a POSIX object. The kernel records when an object was made and used, but not by
// which process. So only the processes that have it open or map it now are known.
func (l *tick) posixEvidence(o *schema.Object, r *kinds.PosixRow, coverage relate.Coverage,
	lastUse time.Time) relate.Evidence {
	e := l.evidence(coverage, nil, lastUse, r.UID)
	l.possibleByGroup(&e, uint32(r.Mode.Perm()), r.GID)
	l.possibleByFormerRoot(&e, uint32(r.Mode.Perm()), r.UID)
	if r.Unknown != schema.Known {
		e.AllPossibleUsers.MarkIncomplete("whose it is could not be read")
	}
	l.protect(&e, software.SubjectOf(l.Tick, o))
	maps := map[int]bool{}
	for _, m := range r.Users.Maps {
		maps[m.PID] = true
		e.Users = append(e.Users, l.user(m.Process, "maps it"))
	}
	for _, u := range r.Users.FDs {
		if !maps[u.Process.PID] {
			maps[u.Process.PID] = true
			e.Users = append(e.Users, l.user(u.Process, "has it open"))
		}
	}
	if len(e.Users) > 0 {
		e.AllUsers.Complete = l.open().Complete && coverage.Complete
	}
	return e
}

// openCoverage tells if the descriptors and mappings of all processes are known. Messages on UNIX sockets and io_uring
// keep files open without a descriptor, so they must not hold any.
func (l *tick) openCoverage() relate.Coverage {
	coverage := relate.Coverage{Complete: true}
	if n := l.countUnread(func(p *proc.Process) error { return cmp.Or(p.FDErr, p.OwnErr) }); n > 0 {
		coverage.MarkIncomplete(fmt.Sprintf("the descriptors and mappings of %s could not be read",
			schema.Counted(n, "process")))
	} else if n := l.countUnread(func(p *proc.Process) error { return p.MapsErr }); n > 0 {
		coverage.MarkIncomplete(fmt.Sprintf("the mappings of %s could not be read", schema.Counted(n, "process")))
	}
	held := l.HiddenFiles()
	if held.InFlight > 0 {
		coverage.MarkIncomplete(fmt.Sprintf("%s %s in messages on UNIX sockets (SCM_RIGHTS), which may be of it",
			schema.Counted(held.InFlight, "descriptor"), schema.Plural(held.InFlight, "is", "are")))
	}
	if held.Registered > 0 {
		coverage.MarkIncomplete(fmt.Sprintf("%s %s registered with io_uring, one of which may be it",
			schema.Counted(held.Registered, "file"), schema.Plural(held.Registered, "is", "are")))
	}
	return coverage
}

// countUnread counts the living processes that have a read error. of returns a process's error.
func (l *tick) countUnread(of func(*proc.Process) error) int {
	n := 0
	for _, p := range l.Processes() {
		if err := of(p); err != nil && !sys.Gone(err) {
			n++
		}
	}
	return n
}

// queueEvidence gathers the evidence on a POSIX queue. A read of its file sets atime and ctime to the same moment
// (mqueue_read_file, ipc/mqueue.c). So ctime counts as a use only if it differs from atime.
func (l *tick) queueEvidence(o *schema.Object, r *kinds.PMsgRow) relate.Evidence {
	lastUse := r.MTime
	if !r.CTime.Equal(r.ATime) && r.CTime.After(lastUse) {
		lastUse = r.CTime
	}
	coverage := l.sightOf(o.Ref.Space)
	e := l.posixEvidence(o, &r.PosixRow, coverage, lastUse)
	if len(e.Users) == 0 {
		e.AllUsers = l.unused("nobody has it open: the descriptors of every process were read", coverage,
			l.open())
	}
	return e
}

// fileEvidence gathers the evidence on a file in /dev/shm.
func (l *tick) fileEvidence(o *schema.Object, r *kinds.PosixRow) relate.Evidence {
	coverage, dev, noatime := l.shm, l.shmDev, l.noatime
	if r.Shm != nil {
		coverage, dev, noatime = l.otherShmCoverage(r.Shm), schema.FormatDev(r.Shm.Way.Dev), r.Shm.NoATime
	}
	if dev != "" && dev != schema.FormatDev(r.Dev) {
		coverage.MarkIncomplete("it is on another file system than /dev/shm, mounted there: who else has it " +
			"cannot be told")
	}
	lastUse := r.MTime
	for _, t := range []time.Time{r.CTime, r.ATime} {
		if t.After(lastUse) {
			lastUse = t
		}
	}
	e := l.posixEvidence(o, r, coverage, lastUse)
	switch {
	case noatime:
		l.possibleReaders(&e, l.Now, r.UID, "may have mapped it since: nothing records who reads it (noatime)")
	case r.ATime.After(r.MTime) && r.ATime.After(r.CTime):
		l.possibleReaders(&e, r.ATime.Add(relatime), r.UID,
			"may have mapped it since: of who reads it, the first one in 24 hours is recorded (relatime)")
	}
	if o.Ref.Name == "" {
		e.Removed = "its name is gone already: its memory goes when all of them let go"
	}
	if len(e.Users) == 0 && r.Mode.IsRegular() {
		e.Users = l.privateUsers(proc.FileID{Dev: r.Dev, Ino: r.Ino})
	}
	for _, loop := range l.loopDevices(r.FullName) {
		e.Users = append(e.Users, relate.User{Who: loop, How: "is a loop device on it"})
	}
	switch {
	case len(e.Users) > 0:
	case !r.Mode.IsRegular():
		e.AllUsers.MarkIncomplete(fmt.Sprintf("it is a %s, not shared memory: what it is used for is not looked at",
			kinds.FileType(r.Mode&fs.ModeType)))
	default:
		e.AllUsers = l.unused("nobody has it open or mapped: the descriptors and mappings of every process were read",
			coverage,
			l.open(), l.privateMapsOf(r.Dev).coverage)
	}
	return e
}

// loopDevices lists the loop devices on a file. The kernel itself has the file open for them, and no process does. It
// compares only the last part of the path: the path is the one that the creator of the loop device saw.
func (l *tick) loopDevices(name string) []string {
	var on []string
	for device, file := range l.loopFiles() {
		if path.Base(strings.TrimSuffix(file, proc.DeletedSuffix)) == path.Base(name) {
			on = append(on, device)
		}
	}
	slices.Sort(on)
	return on
}

// relatime is the time after a recorded read or mapping in which the kernel records no further one, as long as nobody
// writes the file (relatime_need_update, fs/inode.c; mount(8)).
const relatime = 24 * time.Hour

// possibleReaders adds the processes of the owner that may have mapped the file for reading before until, without a
// trace.
func (l *tick) possibleReaders(e *relate.Evidence, until time.Time, uid uint32, why string) {
	if len(e.PossibleUsers) > 0 {
		return
	}
	list := l.byUID[uid]
	for _, p := range list[:l.countOlder(list, l.latestStart(until))] {
		e.AddPossibleUser(func() relate.PossibleUser {
			return relate.PossibleUser{Who: l.processUser(p, uid),
				Why: why}
		})
	}
}

// privateMaps holds the files in /dev/shm that processes map with MAP_PRIVATE: a program that runs from there, or a
// file that is read through a mapping. They are read only if a file has no other user.
type privateMaps struct {
	users    map[proc.FileID][]*proc.Process
	coverage relate.Coverage
}

func (l *tick) privateUsers(id proc.FileID) []relate.User {
	var users []relate.User
	for _, p := range l.privateMapsOf(id.Dev).users[id] {
		users = append(users, l.user(p, "maps it for itself"))
	}
	return users
}

// privateMapsOf reads the mappings of one device once a tick: another tmpfs may be mounted over a name in /dev/shm.
func (l *tick) privateMapsOf(dev uint64) *privateMaps {
	if l.private[dev] == nil {
		if l.private == nil {
			l.private = map[uint64]*privateMaps{}
		}
		l.private[dev] = l.readPrivateMaps(dev)
	}
	return l.private[dev]
}

func (l *tick) readPrivateMaps(dev uint64) *privateMaps {
	all := &privateMaps{users: map[proc.FileID][]*proc.Process{}, coverage: relate.Coverage{Complete: true}}
	buf := make([]byte, 32<<10)
	denied := 0
	for _, p := range l.Processes() {
		if p.KernelThread() || p.Gone() {
			continue
		}
		inodes, err := l.privateInodes(p, dev, buf)
		for _, ino := range inodes {
			all.users[proc.FileID{Dev: dev, Ino: ino}] = append(all.users[proc.FileID{Dev: dev, Ino: ino}], p)
		}
		if err != nil && !sys.Gone(err) {
			denied++
		}
	}
	if denied > 0 {
		all.coverage.MarkIncomplete(fmt.Sprintf("the descriptors and mappings of %s could not be read",
			schema.Counted(denied, "process")))
	}
	return all
}

// privateInodes lists the files of a device that a process maps with MAP_PRIVATE. A process that has not run since an
// earlier tick still maps the same files.
func (l *tick) privateInodes(p *proc.Process, dev uint64, buf []byte) ([]uint64, error) {
	facts := l.factsOf(p)
	if inodes, known := facts.private[dev]; known {
		return inodes, nil
	}
	dir, err := l.Host.OpenProc(p.Living())
	if err != nil {
		return nil, nil // it has ended
	}
	defer dir.Close()
	inodes, err := dir.PrivateMaps(buf, dev)
	if err == nil {
		if facts.private == nil {
			facts.private = map[uint64][]uint64{}
		}
		facts.private[dev] = inodes
	}
	return inodes, err
}
