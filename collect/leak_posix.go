package collect

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// posixEvidence gathers what tells whether a POSIX object is leaked. The kernel keeps no record of who made or used it, only when: everybody
// who has it open or maps it is all that there is to see.
func (f *Facts) posixEvidence(ref schema.Ref, r *posixRow, sight relate.Sight, lastUse time.Time) relate.Evidence {
	e := f.evidence(sight, nil, lastUse, r.UID)
	f.groupElders(&e, uint32(r.Mode.Perm()), r.GID)
	f.droppedElders(&e, uint32(r.Mode.Perm()), r.UID)
	if r.unknown != schema.Known {
		e.AllElders.Hide("whose it is could not be read")
	}
	f.protect(&e, r.subject(ref))
	maps := map[int]bool{}
	for _, m := range r.users.maps {
		maps[m.PID] = true
		e.Users = append(e.Users, f.user(m.Process, "maps it"))
	}
	for _, u := range r.users.fds {
		if !maps[u.Process.PID] {
			maps[u.Process.PID] = true
			e.Users = append(e.Users, f.user(u.Process, "has it open"))
		}
	}
	if len(e.Users) > 0 {
		e.AllUsers.Complete = f.openSight().Complete && sight.Complete
	}
	return e
}

// openSight says whether the descriptors and mappings of every process are known, and whether descriptors are all that keeps files open.
func (f *Facts) openSight() relate.Sight {
	sight := relate.Sight{Complete: true}
	if n := f.unread(func(p *Process) error { return p.fdErr }); n > 0 {
		sight.Hide(fmt.Sprintf("the descriptors and mappings of %s could not be read", several(n, "process", "processes")))
	} else if n := f.unread(func(p *Process) error { return p.mapsErr }); n > 0 {
		sight.Hide(fmt.Sprintf("the mappings of %s could not be read", several(n, "process", "processes")))
	}
	held := f.hiddenFiles()
	if held.flying > 0 {
		sight.Hide(fmt.Sprintf("%s in messages on UNIX sockets (SCM_RIGHTS), which may be of it", several(held.flying, "descriptor is", "descriptors are")))
	}
	if held.registered > 0 {
		sight.Hide(fmt.Sprintf("%s registered with io_uring, one of which may be it", several(held.registered, "file is", "files are")))
	}
	return sight
}

// unread counts the processes of which a table could not be read though they live.
func (f *Facts) unread(of func(*Process) error) int {
	n := 0
	for _, p := range f.procs {
		if err := of(p); err != nil && !kernel.Gone(err) {
			n++
		}
	}
	return n
}

// hiddenFiles are files that are open without a descriptor of any process: sent over UNIX sockets and not received, or registered with an
// io_uring, after which their descriptors may be closed.
type hiddenFiles struct{ flying, registered int }

func (f *Facts) hiddenFiles() hiddenFiles {
	l := f.leaking()
	if l.hidden != nil {
		return *l.hidden
	}
	l.hidden = &hiddenFiles{}
	seen := map[uint64]bool{}
	for _, p := range f.procs {
		for i := range p.fds {
			fd := &p.fds[i]
			if fd.Kind != FDIOUring && (fd.Kind != FDSocket || seen[fd.Ino]) {
				continue
			}
			text, err := f.descriptorText(FDUse{p, fd})
			switch {
			case kernel.Gone(err):
				continue
			case err != nil:
				l.hidden.flying++ // it may be
			case fd.Kind == FDIOUring:
				ring, _ := kernel.ParseIOUring(text) // a ring whose text says nothing of files has none
				l.hidden.registered += ring.UserFiles
			default:
				n, _ := kernel.ParseInFlight(text)
				l.hidden.flying += n
			}
			seen[fd.Ino] = seen[fd.Ino] || fd.Kind == FDSocket
		}
	}
	return *l.hidden
}

// queueEvidence is that of a POSIX queue. Reading its file sets its access and change times to one moment, so that these tell something only
// where they differ (mqueue_read_file, ipc/mqueue.c).
func (f *Facts) queueEvidence(ref schema.Ref, r *pmsgRow) relate.Evidence {
	lastUse := r.MTime
	if !r.CTime.Equal(r.ATime) && r.CTime.After(lastUse) {
		lastUse = r.CTime
	}
	sight := f.sightOf(ref.Space)
	e := f.posixEvidence(ref, &r.posixRow, sight, lastUse)
	if len(e.Users) == 0 {
		e.AllUsers = f.unused("nobody has it open: the descriptors of every process were read", sight, f.openSight())
	}
	return e
}

// fileEvidence is that of a file of /dev/shm.
func (f *Facts) fileEvidence(ref schema.Ref, r *posixRow) relate.Evidence {
	sight := f.leaking().shm
	if dev := f.leaks.shmDev; dev != "" && dev != schema.FormatDev(r.Dev) {
		sight.Hide("it is on another file system than /dev/shm, mounted there: who else has it cannot be told")
	}
	lastUse := r.MTime
	for _, t := range []time.Time{r.CTime, r.ATime} {
		if t.After(lastUse) {
			lastUse = t
		}
	}
	e := f.posixEvidence(ref, r, sight, lastUse)
	switch {
	case f.leaks.noatime:
		f.lateReaders(&e, f.Now, r.UID, "may have mapped it since: nothing records who reads it (noatime)")
	case r.ATime.After(r.MTime) && r.ATime.After(r.CTime):
		f.lateReaders(&e, r.ATime.Add(relatime), r.UID, "may have mapped it since: of who reads it, the first one in 24 hours is recorded (relatime)")
	}
	if ref.Name == "" {
		e.Removed = "its name is gone already: its memory goes when all of them let go"
	}
	if len(e.Users) == 0 && r.Mode.IsRegular() {
		e.Users = f.privateUsers(FileID{r.Dev, r.Ino})
	}
	for _, loop := range f.loops(r.name) {
		e.Users = append(e.Users, relate.User{Who: loop, How: "is a loop device on it"})
	}
	switch {
	case len(e.Users) > 0:
	case !r.Mode.IsRegular():
		e.AllUsers.Hide(fmt.Sprintf("it is a %s, not shared memory: what it is used for is not looked at", fileType(r.Mode&fs.ModeType)))
	default:
		e.AllUsers = f.unused("nobody has it open or mapped: the descriptors and mappings of every process were read", sight, f.openSight(), f.leaks.private.sight)
	}
	return e
}

// loops names the loop devices on a file: the kernel has it open for them, and no process. They are told by the last part of the path, which
// is that of whoever set them up.
func (f *Facts) loops(name string) []string {
	l := f.leaking()
	if l.loops == nil {
		l.loops = f.Host.LoopFiles()
	}
	var on []string
	for device, file := range l.loops {
		if path.Base(strings.TrimSuffix(file, deletedSuffix)) == path.Base(name) {
			on = append(on, device)
		}
	}
	slices.Sort(on)
	return on
}

// relatime is how long after a first time further ones are not recorded at which a file is mapped or read, as long as nobody writes
// (relatime_need_update, fs/inode.c; mount(8)).
const relatime = 24 * time.Hour

// lateReaders finds the processes of the owner that may have mapped the file, to read it, and left no trace until then.
func (f *Facts) lateReaders(e *relate.Evidence, until time.Time, uid uint32, why string) {
	if len(e.Elders) > 0 {
		return
	}
	l := f.leaking()
	list := l.byUID[uid]
	for _, p := range list[:f.older(list, f.lastMoment(until))] {
		if e.Another() {
			e.Elders = append(e.Elders, relate.Elder{Who: f.processUser(p, uid), Why: why})
		}
	}
}

// privateMaps are the files of /dev/shm that processes map MAP_PRIVATE, as a program that runs from there is, or a file that is read through
// memory. They are looked for when nobody else uses a file.
type privateMaps struct {
	users map[FileID][]*Process
	sight relate.Sight
}

func (f *Facts) privateUsers(id FileID) []relate.User {
	l := f.leaking()
	if l.private == nil {
		l.private = f.readPrivateMaps(id.Dev)
	}
	var users []relate.User
	for _, p := range l.private.users[id] {
		users = append(users, f.user(p, "maps it for itself"))
	}
	return users
}

func (f *Facts) readPrivateMaps(dev uint64) *privateMaps {
	all := &privateMaps{users: map[FileID][]*Process{}, sight: relate.Sight{Complete: true}}
	buf := make([]byte, 32<<10)
	denied := 0
	for _, p := range f.procs {
		if p.KernelThread() || p.gone() {
			continue
		}
		dir, err := f.Host.OpenProc(p.living())
		if err != nil {
			continue
		}
		inodes, err := dir.PrivateMaps(buf, dev)
		dir.Close()
		for _, ino := range inodes {
			all.users[FileID{dev, ino}] = append(all.users[FileID{dev, ino}], p)
		}
		if err != nil && !kernel.Gone(err) {
			denied++
		}
	}
	if denied > 0 {
		all.sight.Hide(fmt.Sprintf("the descriptors and mappings of %s could not be read", several(denied, "process", "processes")))
	}
	return all
}
