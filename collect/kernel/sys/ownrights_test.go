package sys_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// A program with CAP_DAC_READ_SEARCH in its file reads everything. A path that its user names is opened without it.
func TestFileCapabilitiesOpenNothing(t *testing.T) {
	const variable = "IPCTOP_TEST_OWN_RIGHTS"
	if tree := os.Getenv(variable); tree != "" { // the program with capabilities
		name := filepath.Join(tree, "proc/secret")
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal("the program has no capability: ", err)
		}
		sys.WithOwnRights(func() {
			if _, err := os.ReadFile(name); !sys.Denied(err) {
				t.Errorf("a file of root: %v", err)
			}
		})
		root := kerneltest.Must(sys.OpenRoot(tree))(t)
		if _, err := root.ReadFile("/proc/secret"); !sys.Denied(err) {
			t.Errorf("a file of root in a tree: %v", err)
		}
		if _, err := os.ReadFile(name); err != nil {
			t.Error("the capability is gone: ", err)
		}
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to give a file capabilities")
	}
	dir := t.TempDir()
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) { // the other user must come here
		kerneltest.OK(t, os.Chmod(d, 0o755))
	}
	program := filepath.Join(dir, "program")
	kerneltest.OK(t, os.WriteFile(program, kerneltest.Must(os.ReadFile("/proc/self/exe"))(t), 0o755))
	kerneltest.OK(t, os.Mkdir(filepath.Join(dir, "proc"), 0o755))
	kerneltest.OK(t, os.WriteFile(filepath.Join(dir, "proc/secret"), []byte("secret"), 0o600))
	var vfsCap [20]byte // struct vfs_cap_data, version 2, effective
	binary.LittleEndian.PutUint32(vfsCap[:], 0x02000001)
	binary.LittleEndian.PutUint32(vfsCap[4:], 1<<unix.CAP_DAC_READ_SEARCH)
	if err := unix.Setxattr(program, "security.capability", vfsCap[:], 0); err != nil {
		t.Skip("needs a file system with file capabilities: ", err)
	}
	c := exec.Command(program, "-test.run=^TestFileCapabilitiesOpenNothing$")
	c.Dir, c.Env = "/", []string{variable + "=" + dir}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4711}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
