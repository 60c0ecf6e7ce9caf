package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// workPostmaster has the name and the working directory of a postmaster.
func workPostmaster(j *kerneltest.Job) {
	j.Check(os.Chdir(j.Args[0]))
	j.Check(os.WriteFile("/proc/self/comm", []byte("postgres"), 0))
	j.Ready()
	j.Wait()
}

// apps takes a snapshot. It returns the software of each System V object and the reason, by Ref.
func (s *sysvScene) apps(c *Collector) map[string][2]string {
	s.Helper()
	const needs = software.NeedSignatures | software.ClusterNeeds
	snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Shm: needs, schema.Sem: needs}})
	told := map[string][2]string{}
	for _, kind := range []schema.Kind{schema.Shm, schema.Sem} {
		for _, o := range snap.Objects[kind] {
			cell := func(id string) string { return cellOf(kind, id)(o).Str() }
			if app := cell("app"); app != "" {
				told[o.Ref.String()] = [2]string{app + " " + cell("signature") + " " + cell("confidence"),
					cell("app_why")}
			}
		}
	}
	return told
}

func (s *sysvScene) dataDirectory(dir string) (ino uint32) {
	s.Helper()
	s.check(os.MkdirAll(dir, 0o700))
	s.check(os.WriteFile(dir+"/PG_VERSION", []byte("15\n"), 0o600))
	var st unix.Stat_t
	s.check(unix.Stat(dir, &st))
	return uint32(st.Ino)
}

// lockFile writes a postmaster.pid that names a segment.
func (s *sysvScene) lockFile(dir string, key uint32, id int) {
	s.Helper()
	text := fmt.Sprintf("4242\n%s\n1795276694\n5433\n/run\n\n%9d %9d\nready   \n", dir, uint64(int64(int32(key))), id)
	s.check(os.WriteFile(dir+"/postmaster.pid", []byte(text), 0o600))
}

func ref(kind schema.Kind, id int) string { return schema.Ref{Kind: kind, ID: uint64(id)}.String() }

const certainly, likely = "PostgreSQL postgresql certain", "PostgreSQL postgresql likely"

func TestRunningPostmastersTellTheirObjects(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir := filepath.Join(t.TempDir(), "main")
		ino := s.dataDirectory(dir)
		w := kerneltest.Start(t, "postmaster", dir)
		c := New(s.host, time.Now)
		segment := s.id(s.admin.ShmGet(ino, 56, 0o600|createIPC))
		collided := s.id(s.admin.ShmGet(ino+2, 56, 0o600|createIPC))
		s.id(s.admin.ShmGet(ino+3, 56, 0o660|createIPC)) // PostgreSQL makes no such segment
		s.id(s.admin.ShmGet(ino+software.CollisionsMost+1, 56, 0o600|createIPC))
		named := s.id(s.admin.ShmGet(0xfedcba98, 56, 0o600|createIPC))
		set := s.id(s.admin.SemGet(ino, 17, 0o600|createIPC))
		next := s.id(s.admin.SemGet(ino+1, 17, 0o600|createIPC))
		old := s.id(s.admin.SemGet(5433001, 17, 0o600|createIPC))
		s.id(s.admin.SemGet(ino+4, 3, 0o600|createIPC))

		runs := fmt.Sprintf(" of %s, where postmaster %d runs", dir, w.PID)
		want := map[string][2]string{
			ref(schema.Shm, segment):  {certainly, "its key is the inode number" + runs},
			ref(schema.Shm, collided): {likely, "its key is 2 above the inode number" + runs},
			ref(schema.Sem, set):      {certainly, "its key is the inode number" + runs},
			ref(schema.Sem, next):     {likely, "its key is 1 above the inode number" + runs},
		}
		if diff := gocmp.Diff(want, s.apps(c)); diff != "" {
			t.Errorf("by the directory (-want +got):\n%s", diff)
		}

		// The content of the lock file counts from the moment that it is written, until it is removed.
		s.lockFile(dir, 0xfedcba98, named)
		in := fmt.Sprintf(" in %s, where postmaster %d runs", dir, w.PID)
		want[ref(schema.Shm, named)] = [2]string{certainly, "postmaster.pid names its key and id" + in}
		want[ref(schema.Sem, old)] = [2]string{likely,
			"its key is one of those for port 5433 of PostgreSQL up to version 12, which postmaster.pid names" + in}
		if diff := gocmp.Diff(want, s.apps(c)); diff != "" {
			t.Errorf("by the lock file (-want +got):\n%s", diff)
		}
		s.lockFile(dir, 0xfedcba98, named+1)
		s.check(os.Chtimes(dir+"/postmaster.pid", time.Time{}, time.Now().Add(time.Second)))
		delete(want, ref(schema.Shm, named))
		if diff := gocmp.Diff(want, s.apps(c)); diff != "" {
			t.Errorf("the lock file names another id (-want +got):\n%s", diff)
		}

		// No process of the cluster is left, and its directory is at no usual place.
		w.Kill()
		if diff := gocmp.Diff(map[string][2]string{}, s.apps(c)); diff != "" {
			t.Errorf("without the postmaster (-want +got):\n%s", diff)
		}
	})
}

// The reader does not wait for a FIFO in the place of the lock file. It does not follow a link there.
func TestHostileDataDirectory(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir := t.TempDir()
		ino := s.dataDirectory(dir)
		w := kerneltest.Start(t, "postmaster", dir)
		segment := s.id(s.admin.ShmGet(ino, 56, 0o600|createIPC))
		named := s.id(s.admin.ShmGet(7, 56, 0o600|createIPC))
		want := map[string][2]string{ref(schema.Shm, segment): {certainly,
			fmt.Sprintf("its key is the inode number of %s, where postmaster %d runs", dir, w.PID)}}
		s.check(unix.Mkfifo(dir+"/postmaster.pid", 0o600))
		if diff := gocmp.Diff(want, s.apps(New(s.host, time.Now))); diff != "" {
			t.Errorf("a FIFO (-want +got):\n%s", diff)
		}
		s.check(os.Remove(dir + "/postmaster.pid"))
		s.lockFile(dir, 7, named)
		s.check(os.Rename(dir+"/postmaster.pid", dir+"/elsewhere"))
		s.check(os.Symlink("elsewhere", dir+"/postmaster.pid"))
		if diff := gocmp.Diff(want, s.apps(New(s.host, time.Now))); diff != "" {
			t.Errorf("a link (-want +got):\n%s", diff)
		}
	})
}

// An ordinary user may not read the working directory of a postmaster, but he may read its arguments. A dead file
// server behind the arguments does not block the snapshot.
func TestArgumentsOfAForeignPostmaster(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: one of the two users has to be somebody else")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir, dead := t.TempDir(), t.TempDir()
		s.check(os.Chmod(filepath.Dir(dir), 0o755)) // the directory of go test, which only root may enter
		ino := s.dataDirectory(dir)
		s.check(os.Symlink(dead, filepath.Dir(dir)+"/link"))
		first := kerneltest.Start(t, "postmaster", dir, "-D", dir)
		kerneltest.Start(t, "postmaster", dir, "-D", filepath.Dir(dir)+"/link")
		s.deadMount(dead)
		segment := s.id(s.admin.ShmGet(ino, 56, 0o600|createIPC))
		look := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "tell-apps")
		want := fmt.Sprintf("%s %s its key is the inode number of %s, where postmaster %d runs",
			ref(schema.Shm, segment), certainly, dir, first.PID)
		if got := strings.Join(look.Words, " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func workTellApps(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	snap := New(host, time.Now).Take(Request{
		Want: map[schema.Kind]schema.Need{schema.Shm: software.NeedSignatures | software.ClusterNeeds}})
	var words []any
	for _, o := range snap.Objects[schema.Shm] {
		words = append(words, o.Ref.String())
		for _, id := range []string{"app", "signature", "confidence", "app_why"} {
			words = append(words, cellOf(schema.Shm, id)(o).Str())
		}
	}
	j.Ready(words...)
	j.Wait()
}

// Clusters without processes are found at the places of distributions, and at the places in their configuration.
func TestFoundClusters(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		for _, dir := range []string{"/var/lib", "/etc"} {
			s.check(unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
		}
		s.check(os.MkdirAll("/var/lib/postgresql/15/dump", 0o700)) // no cluster, because PG_VERSION is missing
		var st unix.Stat_t
		s.check(unix.Stat("/var/lib/postgresql/15/dump", &st))
		ino := s.dataDirectory("/var/lib/postgresql/15/main")
		for i := range 2 * software.CollisionsMost { // inode numbers of a new tmpfs are close to each other
			s.check(os.WriteFile(fmt.Sprintf("/var/lib/%d", i), nil, 0o600))
		}
		other := s.dataDirectory("/var/lib/elsewhere/data")
		s.check(os.MkdirAll("/etc/postgresql/15/other", 0o755))
		s.check(os.WriteFile("/etc/postgresql/15/other/postgresql.conf",
			[]byte("port = 5433\n#data_directory = '/var/lib/no'\n"+
				" data_directory='/var/lib/elsewhere/data'\t# use data in another directory\n"), 0o644))
		first := s.id(s.admin.ShmGet(ino, 56, 0o600|createIPC))
		second := s.id(s.admin.ShmGet(other, 56, 0o600|createIPC))
		s.id(s.admin.ShmGet(uint32(st.Ino), 4096, 0o600|createIPC))
		want := map[string][2]string{
			ref(schema.Shm, first):  {certainly, "its key is the inode number of /var/lib/postgresql/15/main"},
			ref(schema.Shm, second): {certainly, "its key is the inode number of /var/lib/elsewhere/data"},
		}
		if diff := gocmp.Diff(want, s.apps(New(s.host, time.Now))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// A signature may name the files from which ftok makes the keys of its objects. A link among the files is followed.
func TestFilesOfSignatures(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""))
		key := func(name string) uint32 {
			s.check(os.WriteFile("/tmp/"+name, nil, 0o600))
			var st unix.Stat_t
			s.check(unix.Stat("/tmp/"+name, &st))
			return sysv.Ftok(st.Dev, st.Ino, 'Q')
		}
		shared := s.id(s.admin.ShmGet(key("qipc_sharedmemory_app"), 4096, 0o600|createIPC))
		linked := s.id(s.admin.ShmGet(key("elsewhere"), 4096, 0o600|createIPC))
		s.check(os.Symlink("elsewhere", "/tmp/qipc_sharedmemory_link"))
		s.id(s.admin.ShmGet(key("other"), 4096, 0o600|createIPC))
		set := s.id(s.admin.SemGet(key("qipc_systemsem_app"), 1, 0o600|createIPC))
		by := func(what string) [2]string {
			return [2]string{"Qt qt likely", "its key is ftok of a file that " + what}
		}
		want := map[string][2]string{
			ref(schema.Shm, shared): by("QSharedMemory makes"), ref(schema.Shm, linked): by("QSharedMemory makes"),
			ref(schema.Sem, set): by("QSystemSemaphore or QSharedMemory makes"),
		}
		if diff := gocmp.Diff(want, s.apps(New(s.host, time.Now))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
