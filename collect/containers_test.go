package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/containers"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// moveInto puts a process into a new control group below another one. At the test's end both are removed.
func (s *sysvScene) moveInto(pid int, above, group string) {
	s.Helper()
	top := s.TempDir()
	if err := unix.Mount("none", top, "cgroup2", 0, ""); err != nil {
		s.Skipf("needs the control groups of version 2: %v", err)
	}
	s.Cleanup(func() { unix.Unmount(top, unix.MNT_DETACH) })
	outer := filepath.Join(top, above)
	for _, dir := range []string{outer, filepath.Join(outer, group)} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			s.Skipf("needs to make control groups: %v", err)
		}
		s.Cleanup(func() {
			kerneltest.Eventually(s, "the control group is empty", func() bool { return unix.Rmdir(dir) == nil })
		})
	}
	move := func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(fmt.Sprint(pid)), 0)
	}
	s.check(move(filepath.Join(outer, group)))
	s.Cleanup(func() { s.check(move(top)) }) // comes before the removal
}

func TestContainerAndUnitOfUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: only root makes control groups")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		id := strings.Repeat("c0ffee12", 8)
		unit := "docker-" + id + ".scope"
		fd := s.opened(kernel.NewAdmin().ShmOpen("/shared", create, 0o600))
		s.check(unix.Ftruncate(fd, 4096))
		s.moveInto(os.Getpid(), fmt.Sprintf("ipctop-test-%d.slice", s.namespaceOf(os.Getpid(), "pid")), "here.scope")
		w := kerneltest.Start(t, "map-shm", "/shared")
		s.moveInto(w.PID, fmt.Sprintf("ipctop-test-%d-there.slice", s.namespaceOf(os.Getpid(), "pid")), unit)
		cell := func(kind schema.Kind, ref string) (found [2]string) {
			snap := s.snapshot(kind, proc.FileUserNeeds|containers.NeedControlGroup)
			for _, m := range Mechanisms() {
				for i, column := range []string{"container", "unit"} {
					c, ok := m.Column(column)
					for _, o := range snap.Objects[kind] {
						if ok && m.Kind == kind && o.Ref.String() == ref {
							found[i] = c.Get(o).Str()
						}
					}
				}
			}
			return found
		}
		worker := fmt.Sprintf("proc:%d", w.PID)
		s.equal("before its name is known", [2]string{id[:12], unit}, cell(schema.Proc, worker))
		s.check(unix.Mount("tmpfs", "/var/lib", "tmpfs", 0, "")) // in the mount namespace of the test
		dir := "/var/lib/docker/containers/" + id
		s.check(os.MkdirAll(dir, 0o700))
		s.check(os.WriteFile(dir+"/config.v2.json", []byte(`{"ID":"`+id+`","Name":"/web"}`), 0o600))
		s.equal("process", [2]string{"web", unit}, cell(schema.Proc, worker))
		s.equal("shared memory", [2]string{"web", unit + ",here.scope"}, cell(schema.PShm, "pshm:/shared"))
	})
}
