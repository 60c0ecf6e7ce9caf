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

// File is a file from which ftok makes the key.
type File struct {
	Path     string // as the first of the processes sees it; untrusted bytes
	Dev, Ino uint64
	Known    []FileUse // in ascending order of pids
}

// FileUse is how a process knows a file.
type FileUse struct {
	PID  int
	Comm string // untrusted bytes
	How  string // "working directory", "program", "open as fd 3", "argument", …
}

// Search is the result of a search for the file of a key: the files found, and the places searched.
type Search struct {
	Key     uint32
	Objects []schema.Ref // objects with the key, in the reader's IPC namespace
	// owners and creators of the objects; only their processes were searched; nil: all processes were
	Owners []string
	Files  []File // in order of their paths
	// Clusters are data directories of PostgreSQL whose inode number is the key or slightly below the key. PostgreSQL
	// takes the inode number as the key, without ftok.
	Clusters []string

	Processes int // processes that were searched, without our own
	Refused   int // processes that could not be searched, for lack of rights
	Tried     int // distinct files that were tried
	Alike     int // tried files on a device with the key's 8 bits
	Skipped   int // paths on network and FUSE mounts that were skipped

	Faults []schema.Fault
}

// Project is the project id in a key from ftok.
func (s *Search) Project() byte { return byte(s.Key >> 24) }

// keyCache holds the files of processes by pid, for later ticks.
type keyCache map[int]processFiles

func keptFiles(t *proc.Tick) keyCache {
	return *proc.Keep(t.Kept, func() keyCache { return keyCache{} })
}

// ownersKey is a key for a list of users. It is made for each of thousands of objects.
func ownersKey(uids []uint32) string {
	var text [64]byte
	key := text[:0]
	for _, uid := range uids {
		key = append(strconv.AppendUint(key, uint64(uid), 10), ' ')
	}
	return string(key)
}

// filesByOwners holds the files of users' processes, by the list of users.
type filesByOwners map[string]*keyFileList

// keyFileList holds the files of some users' processes.
type keyFileList struct {
	files     map[proc.FileID]*File
	skipped   map[string]bool // paths
	processes int
	Refused   []*proc.Process
	// by the part of a key that the file gives, without the project id; and the number of files by the byte of the
	// device. Only Of uses these.
	byKey    map[uint32][]*File
	byDevice [256]int
}

// SearchNeeds are the needs of Find.
const SearchNeeds = Needs | software.ClusterNeeds | proc.NeedIPCNS

// Find searches the files of living processes for the file of a key. The caller adds the faults of the tick.
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

// Objects finds the objects with a key in the reader's IPC namespace. uids are their owners and creators, in
// ascending order. An error of one kind leaves the objects of the other kinds valid.
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

// FilesOf lists the files of the living processes of these users. Without users it lists the files of all processes.
func FilesOf(t *proc.Tick, uids []uint32) *keyFileList {
	key := ownersKey(uids)
	byOwner := proc.Memo(t, func(*proc.Tick) filesByOwners { return filesByOwners{} })
	if l := byOwner[key]; l != nil {
		return l
	}
	l := &keyFileList{files: map[proc.FileID]*File{}, skipped: map[string]bool{}}
	byOwner[key] = l
	if cache := keptFiles(t); len(cache) > 2*len(t.Processes()) {
		maps.DeleteFunc(cache, func(pid int, _ processFiles) bool { return t.Process(pid) == nil })
	}
	for _, p := range t.Processes() {
		if p.KernelThread() || p.Gone() || p.PID == t.Self || len(uids) > 0 && !t.RunsAs(p, uids) {
			continue
		}
		found := keyFiles(t, p)
		for _, path := range found.skipped {
			l.skipped[path] = true
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

// Of lists the files that give a key. alike counts the files on a device with the key's 8 bits.
func (l *keyFileList) Of(key uint32) (files []File, alike int) {
	if l.byKey == nil {
		l.byKey = make(map[uint32][]*File, len(l.files))
		for id, k := range l.files {
			made := sysv.Ftok(id.Dev, id.Ino, 0)
			l.byKey[made] = append(l.byKey[made], k)
			l.byDevice[made>>16]++
		}
	}
	for _, k := range l.byKey[key&0xffffff] {
		files = append(files, *k)
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path),
			proc.FileID{Dev: a.Dev, Ino: a.Ino}.Compare(proc.FileID{Dev: b.Dev, Ino: b.Ino}))
	})
	return files, l.byDevice[key>>16&0xff]
}

func (s *Search) matches(l *keyFileList) {
	s.Files, s.Alike = l.Of(s.Key)
	s.Processes, s.Refused, s.Skipped, s.Tried = l.processes, len(l.Refused), len(l.skipped), len(l.files)
}

// clustersOf lists the data directories of PostgreSQL that make this key.
func clustersOf(t *proc.Tick, key uint32) []string {
	var dirs []string
	for _, c := range software.Clusters(t) {
		above := key - uint32(c.ID.Ino)
		if (above <= software.CollisionsMost || c.HasLock && c.Lock.HasShm && c.Lock.ShmKey == key) &&
			!slices.Contains(dirs, c.Dir) {
			dirs = append(dirs, c.Dir)
		}
	}
	return dirs
}

// FormatProject writes a project id as programs write it: "0x66 'f'". A project id that is no printable character is
// just the number.
func FormatProject(proj byte) string {
	if proj <= ' ' || proj > '~' {
		return fmt.Sprintf("0x%02x", proj)
	}
	return fmt.Sprintf("0x%02x %s", proj, strconv.QuoteRune(rune(proj)))
}

// projectArgument writes a project id as an argument of ftok in C, without a space: 'f' or 0x01.
func projectArgument(proj byte) string {
	if proj <= ' ' || proj > '~' {
		return fmt.Sprintf("0x%02x", proj)
	}
	return strconv.QuoteRune(rune(proj))
}

// ftokNote holds the cell of the column ftok.
var ftokNote = schema.NewNote[schema.Value]()

// Aspect lists the files from which ftok may have made the keys of System V objects.
func Aspect() kinds.Aspect {
	return kinds.Aspect{
		Name: "ftok",
		Of:   map[schema.Kind]schema.Need{schema.Msg: Needs, schema.Sem: Needs, schema.Shm: Needs},
		Columns: func(_ schema.Kind, needs schema.Need) []schema.Column {
			return []schema.Column{{ID: "ftok", Type: schema.TypeList, Width: 30, Needs: needs,
				Help: "files of which ftok makes its key, with the project id, among those that living processes of " +
					"its owner know; of the files of one device, one in 65536 gives the same key by chance",
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

// ftokOf makes the cell of the column ftok.
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
