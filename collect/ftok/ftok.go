package ftok

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// File is a file of which ftok makes the key.
type File struct {
	Path     string // as the first of the processes knows it; untrusted bytes
	Dev, Ino uint64
	Known    []FileUse // in ascending order of pids
}

// FileUse is how a process knows a file.
type FileUse struct {
	PID  int
	Comm string // untrusted bytes
	How  string // "working directory", "program", "open as fd 3", "argument", …
}

// Search is what a look for the file of a key found, and where it looked.
type Search struct {
	Key     uint32
	Objects []schema.Ref // that have the key, in the reader's IPC namespace
	Owners  []string     // whose processes were looked at: the objects' owners and creators; nil: everybody's
	Files   []File       // in order of their paths
	// Clusters are data directories of PostgreSQL whose key this is, or close above: it takes the inode number as it is,
	// not ftok.
	Clusters []string

	Processes int // that were looked into, ours not among them
	Refused   int // that could not be, for want of rights
	Tried     int // distinct files
	Alike     int // those of them on a device with the key's 8 bits
	Passed    int // paths on network and FUSE mounts, which were not looked at

	Faults []schema.Fault
}

// Project is the project id in a key that ftok made.
func (s *Search) Project() byte { return byte(s.Key >> 24) }

// keptFiles are the files of processes by pid, kept between ticks.
type keyCache map[int]processFiles

func keptFiles(t *proc.Tick) keyCache {
	return *proc.Keep(t.Kept, func() keyCache { return keyCache{} })
}

// ownersFiles are the files of the users that somebody asked for.
type ownersFiles map[string]*keyFileList

// keyFileList are the files that somebody's processes know.
type keyFileList struct {
	files     map[proc.FileID]*File
	passed    map[string]bool // paths
	processes int
	Refused   []*proc.Process
}

// SearchNeeds are what Find takes of a tick.
const SearchNeeds = Needs | software.ClusterNeeds | proc.NeedIPCNS

// Find looks for the file that a key was made of, among the files that living processes know. Faults of the tick
// are the caller's to add.
func Find(t *proc.Tick, key uint32) *Search {
	objects, uids, err := Objects(t.Host, key)
	t.Fault("objects", err)
	s := &Search{Key: key, Objects: objects}
	for _, uid := range uids {
		s.Owners = append(s.Owners, t.Users.User(uid))
	}
	if !t.Host.Live() {
		t.Fault("files", sys.ErrNotLive)
		return s
	}
	s.matches(FilesOf(t, uids))
	s.Clusters = clustersOf(t, key)
	return s
}

// Objects finds the objects of the reader's IPC namespace that have a key, and the uids of their owners and creators,
// in ascending order. With an error, those of the other kinds count.
func Objects(h *kernel.Host, key uint32) (objects []schema.Ref, uids []uint32, err error) {
	seen := map[uint32]bool{}
	note := func(kind schema.Kind, p sysv.IPCPerm, ctime int64) {
		if p.Key == key {
			objects = append(objects, kinds.SysvRef(kind, proc.Place{}, p, ctime))
			seen[p.UID], seen[p.CUID] = true, true
		}
	}
	queues, msgErr := h.MsgQueues(false)
	for _, q := range queues {
		note(schema.Msg, q.IPCPerm, q.CTime)
	}
	sets, semErr := h.SemSets()
	for _, set := range sets {
		note(schema.Sem, set.IPCPerm, set.CTime)
	}
	segments, shmErr := h.ShmSegments(false)
	for _, seg := range segments {
		note(schema.Shm, seg.IPCPerm, seg.CTime)
	}
	return objects, slices.Sorted(maps.Keys(seen)), errors.Join(msgErr, semErr, shmErr)
}

// FilesOf are the files that the living processes of these users know, of all users where none is named.
func FilesOf(t *proc.Tick, uids []uint32) *keyFileList {
	key := fmt.Sprint(uids)
	byOwner := proc.Memo(t, func(*proc.Tick) ownersFiles { return ownersFiles{} })
	if l := byOwner[key]; l != nil {
		return l
	}
	l := &keyFileList{files: map[proc.FileID]*File{}, passed: map[string]bool{}}
	byOwner[key] = l
	if cache := keptFiles(t); len(cache) > 2*len(t.Processes()) {
		maps.DeleteFunc(cache, func(pid int, _ processFiles) bool { return t.Process(pid) == nil })
	}
	for _, p := range t.Processes() {
		if p.KernelThread() || p.Gone() || p.PID == t.Self || len(uids) > 0 && !p.RunsAs(uids) {
			continue
		}
		found := keyFiles(t, p)
		for _, path := range found.passed {
			l.passed[path] = true
		}
		if sys.Denied(found.refused) {
			l.Refused = append(l.Refused, p)
			continue
		}
		l.processes++
		for _, file := range found.list {
			k := l.files[file.id]
			if k == nil {
				k = &File{Path: file.path, Dev: file.id.Dev, Ino: file.id.Ino}
				l.files[file.id] = k
			}
			k.Known = append(k.Known, FileUse{p.PID, p.Comm, file.how})
		}
	}
	return l
}

// Of lists the files that give a key, and counts those that agree with it in the device's bits.
func (l *keyFileList) Of(key uint32) (files []File, alike int) {
	for id, k := range l.files {
		if made := sysv.Ftok(id.Dev, id.Ino, byte(key>>24)); made == key {
			files = append(files, *k)
			alike++
		} else if made>>16 == key>>16 {
			alike++
		}
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path),
			proc.FileID{Dev: a.Dev, Ino: a.Ino}.Compare(proc.FileID{Dev: b.Dev, Ino: b.Ino}))
	})
	return files, alike
}

func (s *Search) matches(l *keyFileList) {
	s.Files, s.Alike = l.Of(s.Key)
	s.Processes, s.Refused, s.Passed, s.Tried = l.processes, len(l.Refused), len(l.passed), len(l.files)
}

// clustersOf are the data directories of PostgreSQL that make this key.
func clustersOf(t *proc.Tick, key uint32) []string {
	var dirs []string
	for _, c := range software.Clusters(t) {
		above := key - uint32(c.ID.Ino)
		if (above <= software.CollisionsMost || c.HasLock && c.Lock.HasShm && c.Lock.ShmKey == key) && !slices.Contains(dirs,
			c.Dir) {
			dirs = append(dirs, c.Dir)
		}
	}
	return dirs
}

// FormatProject writes a project id as programs give it: "0x66 'f'", or just the number where it is no printable
// character.
func FormatProject(proj byte) string {
	if proj <= ' ' || proj > '~' {
		return fmt.Sprintf("0x%02x", proj)
	}
	return fmt.Sprintf("0x%02x %s", proj, strconv.QuoteRune(rune(proj)))
}

// projectArgument writes a project id as ftok's argument in C, without a blank: 'f', or 0x01.
func projectArgument(proj byte) string {
	if proj <= ' ' || proj > '~' {
		return fmt.Sprintf("0x%02x", proj)
	}
	return strconv.QuoteRune(rune(proj))
}

// ftokNote is where the files stand of which ftok may have made an object's key.
var ftokNote = schema.NewNote[schema.Value]()

// Aspect names the files of which ftok may have made the keys of System V objects.
func Aspect() kinds.Aspect {
	return kinds.Aspect{
		Name: "ftok",
		Of:   map[schema.Kind]schema.Need{schema.Msg: Needs, schema.Sem: Needs, schema.Shm: Needs},
		Columns: func(_ schema.Kind, needs schema.Need) []schema.Column {
			return []schema.Column{{ID: "ftok", Type: schema.TypeList, Width: 30, Needs: needs,
				Help: "files of which ftok makes its key, with the project id, among those that living processes of its owner " +
					"know; of the files of one device, one in 65536 gives the same key by chance",
				Get: func(o *schema.Object) schema.Value {
					if v := ftokNote.Of(o); v != nil {
						return *v
					}
					return schema.Uncollected(schema.TypeList)
				}}}
		},
		OnDemand: []string{"ftok"},
		First:    true,
		Costs:    []schema.Cost{{Need: NeedKeyFiles, Name: "files of processes"}},
		Fill: func(t *proc.Tick, _ schema.Kind, needs schema.Need, objects []*schema.Object) {
			for _, o := range objects {
				if t.Gathered(o.Ref, needs) {
					v := ftokOf(t, kinds.PermOf(o))
					ftokNote.Set(o, &v)
				}
			}
		},
	}
}

// ftokOf is the cell of the column ftok.
func ftokOf(t *proc.Tick, o sysv.IPCPerm) schema.Value {
	if o.Key == 0 || !t.Host.Live() {
		return schema.None(schema.TypeList)
	}
	uids := []uint32{o.UID, o.CUID}
	slices.Sort(uids)
	known := FilesOf(t, slices.Compact(uids))
	files, _ := known.Of(o.Key)
	if len(files) == 0 && len(known.Refused) > 0 {
		return schema.Refused(schema.TypeList)
	}
	words := make([]string, len(files))
	for i, k := range files {
		words[i] = fmt.Sprintf("ftok(%s,%s)", k.Path, projectArgument(byte(o.Key>>24)))
	}
	return schema.List(words)
}
