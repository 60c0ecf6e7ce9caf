package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// workOwnShm mounts a tmpfs of its own on /dev/shm. It makes shared memory that it maps, a semaphore, and shared memory
// whose name it removes. Its word is the device.
func workOwnShm(j *kerneltest.Job) {
	syscall.Umask(0)
	j.Check(unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777"))
	a := kernel.NewAdmin()
	fd, err := a.ShmOpen("/cache", create, 0o640)
	j.Check(err)
	j.Check(unix.Ftruncate(fd, 8192))
	_, err = unix.Mmap(fd, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	j.Check(err)
	var st unix.Stat_t
	j.Check(unix.Fstat(fd, &st))
	unix.Close(fd)
	sem, _, err := a.PosixSemOpenNew("/gate", 0o600, 3)
	j.Check(err)
	unix.Close(sem)
	_, err = a.ShmOpen("/gone", create, 0o600)
	j.Check(err)
	j.Check(a.PosixShmRemove("/gone"))
	j.Ready(schema.FormatDev(st.Dev))
	j.Wait()
}

// everyShm lists the kinds of /dev/shm in all namespaces.
func (s *sysvScene) everyShm() *Snapshot {
	s.Helper()
	return s.everywhere(^schema.Need(0), schema.PShm, schema.PSem)
}

func TestFilesOfAnotherDevShm(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		own := s.opened(kernel.NewAdmin().ShmOpen("/cache", create, 0o600)) // the same name as in the other
		w := kerneltest.StartIn(t, unix.CLONE_NEWNS, "own-shm")
		dev := w.Words[0]
		there := fmt.Sprintf("/proc/%d/root/dev/shm/", w.PID)
		file := func(name, full string, more cells) cells {
			fd := s.opened(unix.Open(there+name, unix.O_PATH|unix.O_CLOEXEC, 0))
			c := s.posixCells(fd, full, more)
			c["ns"] = schema.Int(int64(s.namespaceOf(w.PID, "mnt")))
			c["ns_leader"] = schema.String(fmt.Sprintf("%s[%d]", s.end(w.PID).Comm, w.PID))
			return c
		}
		snap := s.everyShm()
		got, edges := table(snap, schema.PShm)
		if len(snap.Faults) > 0 {
			t.Errorf("faults: %+v", snap.Faults)
		}
		ref := "pshm:/cache@" + dev
		s.equal("shared memory", file("cache", "/cache", cells{
			"type": schema.String("file"), "size": schema.Bytes(8192), "allocated": schema.Bytes(0),
			"atime": got[ref]["atime"], "holders": holders(s.mapsIt(w.PID, 1, -1, "rw")), "waiters": holders(),
		}), got[ref])
		want := []string{"pshm:/cache", ref}
		var refs, gone []string
		for r := range got {
			if strings.Contains(r, "/") {
				refs = append(refs, r)
			} else {
				gone = append(gone, r+" "+got[r]["name"].Str()+" "+got[r]["status"].Str())
			}
		}
		s.equal("names", want, slices.Sorted(slices.Values(refs)))
		if len(gone) != 1 || !strings.HasSuffix(gone[0], "@"+dev+" /gone deleted") {
			t.Errorf("unlinked: %q", gone)
		}
		s.equal("edge", true, slices.Contains(edges, fmt.Sprintf("proc:%d maps %s 1 mapping observed", w.PID, ref)))
		sems, _ := table(snap, schema.PSem)
		s.equal("semaphores", map[string]cells{"psem:/gate@" + dev: file("sem.gate", "/gate", cells{
			"sval": schema.Int(3), "nwaiters": schema.Int(0), "holders": holders(), "waiters": holders(),
		})}, sems)

		plain := s.snapshot(schema.PShm, 0)
		s.equal("note", []string{"1 other /dev/shm holds 2 files (-A)"}, plain.Notes)
		sel, err := schema.ParseSelector(ref, func(schema.Kind) bool { return true })
		s.check(err)
		found, err := snap.Resolve(sel)
		s.check(err)
		s.equal("resolved", ref, found.String())
		sel.Space, sel.Text = 0, "pshm:/cache"
		found, err = snap.Resolve(sel)
		s.check(err)
		var st unix.Stat_t
		s.check(unix.Fstat(own, &st))
		s.equal("resolved here", schema.Ref{Kind: schema.PShm, Name: "/cache", Gen: st.Ino}, found)
	})
}

// namespaceOf is the inode of a process's namespace.
func (s *sysvScene) namespaceOf(pid int, typ string) uint64 {
	s.Helper()
	var st unix.Stat_t
	s.check(unix.Stat(fmt.Sprintf("/proc/%d/ns/%s", pid, typ), &st))
	return st.Ino
}

// The verdict on an object counts users and possible users wherever they are, and the device of its own /dev/shm.
func TestVerdictsInAnotherDevShm(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.StartIn(t, unix.CLONE_NEWNS, "own-shm")
		snap := s.everyShm()
		got := map[string][]string{}
		for _, kind := range []schema.Kind{schema.PShm, schema.PSem} {
			for _, o := range snap.Objects[kind] {
				if j := leaks.VerdictOf(o); j != nil && o.Ref.Name != "" {
					got[o.Ref.String()] = append([]string{string(j.Verdict)}, j.Reasons[:min(1, len(j.Reasons))]...)
				}
			}
		}
		s.equal("verdicts", map[string][]string{
			"pshm:/cache@" + w.Words[0]: {"live", fmt.Sprintf("%d/%s maps it", w.PID, s.end(w.PID).Comm)},
			"psem:/gate@" + w.Words[0]: {"suspect",
				"nobody has it open or mapped: the descriptors and mappings of every process were read"},
		}, got)
	})
}

// workChroot enters a directory as its root directory.
func workChroot(j *kerneltest.Job) {
	j.Check(unix.Chroot(j.Args[0]))
	j.Check(unix.Chdir("/"))
	j.Ready()
	j.Wait()
}

// A process in a chroot has another /dev/shm, too. Links there lead inside the chroot.
func TestDevShmOfAChroot(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.opened(kernel.NewAdmin().ShmOpen("/ours", create, 0o600))
		jail := t.TempDir()
		s.check(os.MkdirAll(filepath.Join(jail, "run/shm"), 0o755))
		s.check(os.MkdirAll(filepath.Join(jail, "dev"), 0o755))
		s.check(os.WriteFile(filepath.Join(jail, "run/shm/theirs"), []byte("x"), 0o600))
		s.check(os.Symlink("/../../../../run/shm", filepath.Join(jail, "dev/shm")))
		out := t.TempDir() // here the link leads to a place that only we have
		s.check(os.MkdirAll(filepath.Join(out, "dev"), 0o755))
		s.check(os.Symlink("../../../../../../../../dev/shm/../shm", filepath.Join(out, "dev/shm")))
		s.check(os.MkdirAll("/tmp/only-here", 0o755))
		away := t.TempDir()
		s.check(os.MkdirAll(filepath.Join(away, "dev"), 0o755))
		s.check(os.Symlink("/tmp/only-here", filepath.Join(away, "dev/shm")))
		s.check(os.WriteFile("/tmp/only-here/trap", nil, 0o600))
		for _, dir := range []string{jail, out, away} {
			kerneltest.Start(t, "chroot", dir)
		}
		got, _ := table(s.everyShm(), schema.PShm)
		var names []string
		for _, r := range got {
			names = append(names, r["name"].Str())
		}
		s.equal("names", []string{"/ours", "/theirs"}, slices.Sorted(slices.Values(names)))
	})
}

// workSilentShm mounts a FUSE file system on /dev/shm. Nobody answers its requests.
func workSilentShm(j *kerneltest.Job) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		j.Ready("none")
		j.Wait()
		return
	}
	err = unix.Mount("silent", "/dev/shm", "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd))
	if err != nil {
		j.Ready("none")
		j.Wait()
		return
	}
	j.Ready("mounted")
	j.Wait()
}

func TestASilentServerOnAnotherDevShmIsPassedOver(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.StartIn(t, unix.CLONE_NEWNS, "silent-shm")
		if w.Words[0] == "none" {
			t.Skip("needs /dev/fuse, and the right to mount it")
		}
		done := make(chan *Snapshot, 1)
		go func() { done <- s.everywhere(proc.FileUserNeeds, schema.PShm, schema.PSem) }()
		select {
		case snap := <-done:
			var says []string
			for _, f := range snap.Faults {
				says = append(says, f.Says)
			}
			want := "the /dev/shm of 1 other mount namespace lies below a network or FUSE mount, where a dead " +
				"server would hang the look: its files are not shown"
			if diff := gocmp.Diff([]string{want}, says); diff != "" {
				t.Error(diff)
			}
		case <-time.After(10 * time.Second):
			w.Kill() // closes the server: the look ends
			t.Fatal("the look hangs")
		}
	})
}
