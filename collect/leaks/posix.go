package leaks

import (
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

// posixEvidence gathers what tells whether a POSIX object is leaked. The kernel keeps no record of who made or used
// it, only when: everybody who has it open or maps it is all that there is to see.
func (l *tick) posixEvidence(o *schema.Object, r *kinds.PosixRow, sight relate.Sight,
	lastUse time.Time) relate.Evidence {
	e := l.evidence(sight, nil, lastUse, r.UID)
	l.groupElders(&e, uint32(r.Mode.Perm()), r.GID)
	l.droppedElders(&e, uint32(r.Mode.Perm()), r.UID)
	if r.Unknown != schema.Known {
		e.AllElders.Hide("whose it is could not be read")
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
		e.AllUsers.Complete = l.openSight().Complete && sight.Complete
	}
	return e
}

// openSight says whether the descriptors and mappings of every process are known, and whether descriptors are all
// that keeps files open.
func (l *tick) openSight() relate.Sight {
	sight := relate.Sight{Complete: true}
	if n := l.unread(func(p *proc.Process) error { return p.FDErr }); n > 0 {
		sight.Hide(fmt.Sprintf("the descriptors and mappings of %s could not be read", schema.Counted(n, "process")))
	} else if n := l.unread(func(p *proc.Process) error { return p.MapsErr }); n > 0 {
		sight.Hide(fmt.Sprintf("the mappings of %s could not be read", schema.Counted(n, "process")))
	}
	held := l.HiddenFiles()
	if held.InFlight > 0 {
		sight.Hide(fmt.Sprintf("%s %s in messages on UNIX sockets (SCM_RIGHTS), which may be of it",
			schema.Counted(held.InFlight, "descriptor"), schema.Plural(held.InFlight, "is", "are")))
	}
	if held.Registered > 0 {
		sight.Hide(fmt.Sprintf("%s %s registered with io_uring, one of which may be it",
			schema.Counted(held.Registered, "file"), schema.Plural(held.Registered, "is", "are")))
	}
	return sight
}

// unread counts the processes of which a table could not be read though they live.
func (l *tick) unread(of func(*proc.Process) error) int {
	n := 0
	for _, p := range l.Processes() {
		if err := of(p); err != nil && !sys.Gone(err) {
			n++
		}
	}
	return n
}

// queueEvidence is that of a POSIX queue. Reading its file sets its access and change times to one moment, so that
// these tell something only where they differ (mqueue_read_file, ipc/mqueue.c).
func (l *tick) queueEvidence(o *schema.Object, r *kinds.PMsgRow) relate.Evidence {
	lastUse := r.MTime
	if !r.CTime.Equal(r.ATime) && r.CTime.After(lastUse) {
		lastUse = r.CTime
	}
	sight := l.sightOf(o.Ref.Space)
	e := l.posixEvidence(o, &r.PosixRow, sight, lastUse)
	if len(e.Users) == 0 {
		e.AllUsers = l.unused("nobody has it open: the descriptors of every process were read", sight, l.openSight())
	}
	return e
}

// fileEvidence is that of a file of /dev/shm.
func (l *tick) fileEvidence(o *schema.Object, r *kinds.PosixRow) relate.Evidence {
	sight := l.shm
	if dev := l.shmDev; dev != "" && dev != schema.FormatDev(r.Dev) {
		sight.Hide("it is on another file system than /dev/shm, mounted there: who else has it cannot be told")
	}
	lastUse := r.MTime
	for _, t := range []time.Time{r.CTime, r.ATime} {
		if t.After(lastUse) {
			lastUse = t
		}
	}
	e := l.posixEvidence(o, r, sight, lastUse)
	switch {
	case l.noatime:
		l.lateReaders(&e, l.Now, r.UID, "may have mapped it since: nothing records who reads it (noatime)")
	case r.ATime.After(r.MTime) && r.ATime.After(r.CTime):
		l.lateReaders(&e, r.ATime.Add(relatime), r.UID,
			"may have mapped it since: of who reads it, the first one in 24 hours is recorded (relatime)")
	}
	if o.Ref.Name == "" {
		e.Removed = "its name is gone already: its memory goes when all of them let go"
	}
	if len(e.Users) == 0 && r.Mode.IsRegular() {
		e.Users = l.privateUsers(proc.FileID{Dev: r.Dev, Ino: r.Ino})
	}
	for _, loop := range l.loops(r.FullName) {
		e.Users = append(e.Users, relate.User{Who: loop, How: "is a loop device on it"})
	}
	switch {
	case len(e.Users) > 0:
	case !r.Mode.IsRegular():
		e.AllUsers.Hide(fmt.Sprintf("it is a %s, not shared memory: what it is used for is not looked at",
			kinds.FileType(r.Mode&fs.ModeType)))
	default:
		e.AllUsers = l.unused("nobody has it open or mapped: the descriptors and mappings of every process were read", sight,
			l.openSight(), l.private.sight)
	}
	return e
}

// loops names the loop devices on a file: the kernel has it open for them, and no process. They are told by the last
// part of the path, which is that of whoever set them up.
func (l *tick) loops(name string) []string {
	var on []string
	for device, file := range l.loopFiles() {
		if path.Base(strings.TrimSuffix(file, proc.DeletedSuffix)) == path.Base(name) {
			on = append(on, device)
		}
	}
	slices.Sort(on)
	return on
}

// relatime is how long after a first time further ones are not recorded at which a file is mapped or read, as long as
// nobody writes (relatime_need_update, fs/inode.c; mount(8)).
const relatime = 24 * time.Hour

// lateReaders finds the processes of the owner that may have mapped the file, to read it, and left no trace until then.
func (l *tick) lateReaders(e *relate.Evidence, until time.Time, uid uint32, why string) {
	if len(e.Elders) > 0 {
		return
	}
	list := l.byUID[uid]
	for _, p := range list[:l.older(list, l.lastMoment(until))] {
		if e.Another() {
			e.Elders = append(e.Elders, relate.Elder{Who: l.processUser(p, uid), Why: why})
		}
	}
}

// privateMaps are the files of /dev/shm that processes map MAP_PRIVATE, as a program that runs from there is, or a
// file that is read through memory. They are looked for when nobody else uses a file.
type privateMaps struct {
	users map[proc.FileID][]*proc.Process
	sight relate.Sight
}

func (l *tick) privateUsers(id proc.FileID) []relate.User {
	if l.private == nil {
		l.private = l.readPrivateMaps(id.Dev)
	}
	var users []relate.User
	for _, p := range l.private.users[id] {
		users = append(users, l.user(p, "maps it for itself"))
	}
	return users
}

func (l *tick) readPrivateMaps(dev uint64) *privateMaps {
	all := &privateMaps{users: map[proc.FileID][]*proc.Process{}, sight: relate.Sight{Complete: true}}
	buf := make([]byte, 32<<10)
	denied := 0
	for _, p := range l.Processes() {
		if p.KernelThread() || p.Gone() {
			continue
		}
		dir, err := l.Host.OpenProc(p.Living())
		if err != nil {
			continue
		}
		inodes, err := dir.PrivateMaps(buf, dev)
		dir.Close()
		for _, ino := range inodes {
			all.users[proc.FileID{Dev: dev, Ino: ino}] = append(all.users[proc.FileID{Dev: dev, Ino: ino}], p)
		}
		if err != nil && !sys.Gone(err) {
			denied++
		}
	}
	if denied > 0 {
		all.sight.Hide(fmt.Sprintf("the descriptors and mappings of %s could not be read", schema.Counted(denied, "process")))
	}
	return all
}
