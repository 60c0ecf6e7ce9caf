package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// Unlinked files of any tmpfs are found, with those who hold them. A file that has a name is none of them.
func TestDoctorOnDeletedFilesOfATmpfs(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir := t.TempDir()
		s.check(unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"))
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		made := func(name string) (fd int) {
			path := filepath.Join(dir, name)
			s.check(os.WriteFile(path, make([]byte, 8192), 0o600))
			return s.opened(unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0))
		}
		gone, named := made("gone"), made("named (deleted)")
		defer unix.Close(gone)
		defer unix.Close(named)
		look := func() []schema.Finding { return findingsOn(s.examine(), "held", "") }
		s.equal("with names", 0, len(look()))
		s.check(os.Remove(filepath.Join(dir, "gone")))
		s.check(os.Link(filepath.Join(dir, "named (deleted)"), filepath.Join(dir, "other")))
		s.check(os.Remove(filepath.Join(dir, "named (deleted)")))
		want := schema.Finding{Kind: "held", Severity: schema.Info, Proof: schema.Observed,
			Says:     fmt.Sprintf("8 KiB of memory on the tmpfs %s are deleted but still held: 1 file", dir),
			Evidence: []string{fmt.Sprintf("8 KiB held by %d/%s: %s/gone", os.Getpid(), s.end(os.Getpid()).Comm, dir)}}
		compare := func(what string) {
			t.Helper()
			found := look()
			if len(found) != 1 {
				t.Fatalf("%s: %+v", what, found)
			}
			want.Refs, want.Advice = found[0].Refs, found[0].Advice
			s.equal(what, want, found[0])
			s.equal("its process", fmt.Sprintf("proc:%d", os.Getpid()), found[0].Refs[0].String())
		}
		compare("an unlinked one")
		_, err := unix.Pwrite(gone, make([]byte, 8192), 8192)
		s.check(err)
		want.Severity = schema.Warning
		want.Says = fmt.Sprintf("16 KiB of memory on the tmpfs %s are deleted but still held: 1 file", dir)
		want.Evidence = []string{"16 KiB" + want.Evidence[0][len("8 KiB"):],
			fmt.Sprintf("they take 25 %% of the 64 KiB of %s: df counts them, du and ls do not", dir)}
		compare("a quarter")
	})
}
