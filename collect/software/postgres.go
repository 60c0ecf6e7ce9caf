package software

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Since version 13 PostgreSQL takes the inode number of its data directory as its System V key. A pattern cannot
// describe such keys. So ipctop compares the key with known data directories: those of running postmasters, and those
// in the usual places.

// postgresID is the id of PostgreSQL in signatures.yaml.
const postgresID = "postgresql"

const (
	clustersMost    = 64      // most data directories
	lockFileMost    = 4 << 10 // bytes of a postmaster.pid
	clusterConfMost = 1 << 20 // bytes of a postgresql.conf
)

// cluster is a data directory.
type cluster struct {
	Dir   string
	ID    proc.FileID
	uid   uint32
	space uint64 // IPC namespace of its postmaster; 0: the reader's own
	pid   int    // of a running postmaster; 0: none
	sure  bool   // a postmaster runs in the directory, or the directory has a PG_VERSION

	Lock    lockFile
	HasLock bool
}

// lockFile is the content of a postmaster.pid.
type lockFile struct {
	pid    int
	port   uint32
	ShmKey uint32
	shmID  uint64
	HasShm bool
}

// parseLockFile reads the lines of a postmaster.pid. They are: pid, data directory, start time, port, socket
// directory, listen address, key and id of the segment. The last two are an unsigned long each
// (src/include/utils/pidfile.h; PGSharedMemoryCreate in src/backend/port/sysv_shmem.c).
func parseLockFile(text []byte) (lockFile, bool) {
	lines := bytes.Split(text, []byte("\n"))
	var l lockFile
	pid, err := strconv.Atoi(string(bytes.TrimSpace(lines[0])))
	if err != nil || pid == 0 {
		return l, false
	}
	l.pid = max(pid, -pid) // negative: a standalone backend
	if len(lines) > 3 {
		port, err := strconv.ParseUint(string(bytes.TrimSpace(lines[3])), 10, 16)
		if err == nil {
			l.port = uint32(port)
		}
	}
	if len(lines) > 6 {
		if words := bytes.Fields(lines[6]); len(words) == 2 {
			key, err := strconv.ParseUint(string(words[0]), 10, 64) // a negative key_t fills the upper half
			id, idErr := strconv.ParseUint(string(words[1]), 10, 31)
			if l.HasShm = err == nil && idErr == nil; l.HasShm {
				l.ShmKey, l.shmID = uint32(key), id
			}
		}
	}
	return l, true
}

// dataFile is a small file with its last content.
type dataFile struct {
	id    proc.FileID
	mtime time.Time
	size  uint64
	text  []byte
	err   error
}

// dataFiles keeps the content of files between ticks. The content is valid while device, inode number, size and ctime
// stay the same.
type dataFiles map[string]dataFile

func keptFiles(t *proc.Tick) dataFiles {
	return *proc.Keep(t.Kept, func() dataFiles { return dataFiles{} })
}

func (d dataFiles) read(path string, stat func() (vfs.PosixFile, error), read func() ([]byte, error)) ([]byte, error) {
	file, err := stat()
	if err != nil {
		delete(d, path)
		return nil, err
	}
	now := dataFile{id: proc.FileID{Dev: file.Dev, Ino: file.Ino}, mtime: file.MTime, size: file.Size}
	old, ok := d[path]
	if !ok || old.id != now.id || old.size != now.size || !old.mtime.Equal(now.mtime) {
		now.text, now.err = read()
		if len(d) > 4*clustersMost {
			clear(d)
		}
		d[path], old = now, now
	}
	return old.text, old.err
}

// clusterList is a list of data directories.
type clusterList []cluster

// Clusters lists the known data directories. It searches once a tick.
func Clusters(t *proc.Tick) clusterList {
	return proc.Memo(t, func(t *proc.Tick) clusterList {
		if !t.Needs.Has(ClusterNeeds) || !t.Host.Live() {
			return nil
		}
		return append(runningClusters(t), installedClusters(t)...)
	})
}

// runningClusters lists the working directories of postmasters. A child of a postmaster has a parent named postgres,
// unless the postmaster died.
func runningClusters(t *proc.Tick) []cluster {
	var list []cluster
	for _, p := range t.Processes() {
		if len(list) == clustersMost {
			break
		}
		if parent := t.Process(p.PPID); !postgresComm(p) || p.State == 'Z' || parent != nil && postgresComm(parent) {
			continue
		}
		if c, ok := runningCluster(t, p); ok && !slices.ContainsFunc(list,
			func(l cluster) bool { return l.ID == c.ID && l.space == c.space }) {
			list = append(list, c)
		}
	}
	return list
}

func postgresComm(p *proc.Process) bool { return p.Comm == "postgres" || p.Comm == "postmaster" }

// runningCluster finds the data directory of a postmaster. A postmaster changes into its data directory, and the
// directory must belong to its user (checkDataDir and ChangeToDataDir, src/backend/utils/init/miscinit.c). An
// ordinary user can read only the arguments of another user's postmaster.
func runningCluster(t *proc.Tick, p *proc.Process) (cluster, bool) {
	dir, err := t.Host.OpenProc(p.Living())
	if err != nil {
		return cluster{}, false
	}
	defer dir.Close()
	uid, err := dir.Owner()
	if err != nil {
		return cluster{}, false
	}
	c := cluster{pid: p.PID, sure: true, space: t.IPCSpaceOf(p)}
	if c.Dir, err = dir.Readlink("cwd"); err != nil {
		text, _ := dir.Read("cmdline", nil)
		c.Dir = argumentAfter(text, "-D")
		return c, c.Dir != "" && statCluster(t, &c) && c.uid == uid
	}
	hangs := t.Hangs(dir)
	if hangs([]byte(c.Dir)) {
		return c, false
	}
	file, err := dir.StatLink("cwd")
	if err != nil || file.UID != uid {
		return c, false
	}
	c.ID, c.uid = proc.FileID{Dev: file.Dev, Ino: file.Ino}, file.UID
	if name := c.Dir + "/postmaster.pid"; !hangs([]byte(name)) {
		text, err := keptFiles(t).read(fmt.Sprintf("%d:%s", p.PID, name),
			func() (vfs.PosixFile, error) { return dir.StatLink("cwd/postmaster.pid") },
			func() ([]byte, error) { return dir.ReadFile("cwd/postmaster.pid", lockFileMost) })
		if err == nil {
			c.Lock, c.HasLock = parseLockFile(text)
		}
	}
	return c, true
}

// argumentAfter finds the absolute path after an option. The path is the next argument or the rest of the same
// argument.
func argumentAfter(cmdline []byte, option string) string {
	args := strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, option)
		if ok && value == "" && i+1 < len(args) {
			value = args[i+1]
		}
		if ok && filepath.IsAbs(value) {
			return filepath.Clean(value)
		}
	}
	return ""
}

// installedClusters lists data directories in the usual places of distributions, and those that a configuration there
// names.
func installedClusters(t *proc.Tick) []cluster {
	self, err := t.Host.OpenProc(t.Self)
	if err != nil {
		return nil
	}
	defer self.Close()
	hangs := t.Hangs(self)
	var list []cluster
	add := func(dir string) {
		c := cluster{Dir: dir}
		if len(list) == clustersMost || slices.ContainsFunc(list, func(l cluster) bool { return l.Dir == dir }) ||
			!statCluster(t, &c) {
			return
		}
		if isCluster(t, &c) {
			list = append(list, c)
		}
	}
	for _, conf := range glob(hangs, "/etc/postgresql/*/*/postgresql.conf") {
		text, err := keptFiles(t).read(conf, func() (vfs.PosixFile, error) { return vfs.StatFile(conf) },
			func() ([]byte, error) { return vfs.ReadFile(conf, clusterConfMost) })
		if dir := configuredDirectory(text); err == nil && dir != "" {
			add(dir)
		}
	}
	for _, pattern := range []string{"/var/lib/postgresql/*/*", "/var/lib/pgsql/*/data", "/var/lib/pgsql/data",
		"/var/lib/postgres/data", "/usr/local/pgsql/data"} {
		for _, dir := range glob(hangs, pattern) {
			add(dir)
		}
	}
	return list
}

// glob lists the paths that fit a pattern. It lists none if the fixed part of the pattern is on a mount that may
// hang.
func glob(hangs func([]byte) bool, pattern string) []string {
	fixed, _, _ := strings.Cut(pattern, "*")
	if hangs([]byte(filepath.Clean(fixed))) {
		return nil
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	return paths[:min(len(paths), clustersMost)]
}

// configuredDirectory is the data_directory of a postgresql.conf. The last line counts.
func configuredDirectory(conf []byte) string {
	dir := ""
	for line := range bytes.Lines(conf) {
		name, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok || strings.TrimSpace(name) != "data_directory" {
			continue
		}
		value = strings.TrimSpace(value)
		if quoted, is := strings.CutPrefix(value, "'"); is {
			value, _, _ = strings.Cut(quoted, "'")
		} else {
			value, _, _ = strings.Cut(value, " ")
		}
		if filepath.IsAbs(value) {
			dir = filepath.Clean(value)
		}
	}
	return dir
}

// statCluster stats a data directory by its path. Another user may have chosen the path, so a symbolic link is
// followed only if that cannot hang.
func statCluster(t *proc.Tick, c *cluster) bool {
	self, err := t.Host.OpenProc(t.Self)
	if err != nil {
		return false
	}
	defer self.Close()
	real, err := self.RealPath(c.Dir, t.Hangs(self))
	if err != nil {
		return false
	}
	file, err := vfs.StatFile(real)
	if err != nil || !file.Mode.IsDir() {
		return false
	}
	c.ID, c.uid = proc.FileID{Dev: file.Dev, Ino: file.Ino}, file.UID
	return true
}

// isCluster reports whether a directory has a PG_VERSION, and reads its postmaster.pid. A directory that may not be
// read counts as a data directory.
func isCluster(t *proc.Tick, c *cluster) bool {
	if _, err := vfs.StatFile(c.Dir + "/PG_VERSION"); err != nil {
		return sys.Denied(err)
	}
	c.sure = true
	path := c.Dir + "/postmaster.pid"
	text, err := keptFiles(t).read(path, func() (vfs.PosixFile, error) { return vfs.StatFile(path) },
		func() ([]byte, error) { return vfs.ReadFile(path, lockFileMost) })
	if err == nil {
		c.Lock, c.HasLock = parseLockFile(text)
	}
	return true
}

const (
	CollisionsMost = 16   // keys of segments that a postmaster may have tried; a larger distance is no match
	setsMost       = 1024 // most sets of semaphores of a cluster
	// semaphores in a set: SEMAS_PER_SET and one that marks the set (sysv_sema.c); 20 since version 18
	setsFrom = 17
	setsTo   = 20
	oldKeys  = 1000 // keys for each port, up to version 12
)

// clusterMatch recognises PostgreSQL's objects by its data directories. The object must have the owner of the
// directory and the permissions 0600.
func clusterMatch(t *proc.Tick, s *Subject, known *Signatures) (Match, bool) {
	name, ok := known.apps[postgresID]
	if s.Kind != schema.Shm && s.Kind != schema.Sem || !ok {
		return Match{}, false
	}
	best := Match{}
	for _, c := range Clusters(t) {
		if c.uid != s.UID || c.space != s.Space || s.Perms != 0o600 {
			continue
		}
		confidence, why := c.match(s)
		if why == "" || best.Confidence == Certain {
			continue
		}
		if c.pid != 0 {
			why += fmt.Sprintf(", where postmaster %d runs", c.pid)
		}
		best = Match{ID: postgresID, Name: name, Confidence: confidence, Why: why}
	}
	return best, best.ID != ""
}

// match compares an object's key and id with a data directory. why is "" if they do not match.
func (c *cluster) match(s *Subject) (confidence, why string) {
	above := s.Key - uint32(c.ID.Ino) // PostgreSQL counts modulo 2^32
	switch {
	case s.Key == 0:
	case s.Kind == schema.Shm && c.HasLock && c.Lock.HasShm && c.Lock.ShmKey == s.Key && c.Lock.shmID == s.ID:
		return Certain, "postmaster.pid names its key and id in " + c.Dir
	case s.Kind == schema.Sem && (s.NSems < setsFrom || s.NSems > setsTo):
	case above == 0 && c.sure:
		return Certain, "its key is the inode number of " + c.Dir
	case above == 0:
		return Likely, "its key is the inode number of " + c.Dir + ", which may be a data directory"
	case s.Kind == schema.Shm && above <= CollisionsMost, s.Kind == schema.Sem && above < setsMost:
		return Likely, fmt.Sprintf("its key is %d above the inode number of %s", above, c.Dir)
	case s.Kind == schema.Sem && c.HasLock && c.Lock.port != 0 && s.Key-c.Lock.port*oldKeys-1 < oldKeys-1:
		return Likely, fmt.Sprintf("its key is one of those for port %d of PostgreSQL up to version 12, which "+
			"postmaster.pid names in %s", c.Lock.port, c.Dir)
	}
	return "", ""
}
