package posix

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// A server that never answers hangs nothing: a file system mounted on an entry of /dev/shm is passed over.
func TestMountsBelowDevShm(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		for _, name := range []string{"a", "on-a-file", "z"} {
			if err := os.WriteFile("/dev/shm/"+name, []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"directory", "on-a-directory"} {
			if err := os.Mkdir("/dev/shm/"+name, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		kerneltest.MountSilent(t, "/dev/shm/on-a-directory", unix.S_IFDIR)
		kerneltest.MountSilent(t, "/dev/shm/on-a-file", unix.S_IFREG)
		type answer struct {
			files []vfs.PosixFile
			err   error
		}
		told := make(chan answer, 1)
		go func() {
			files, err := DevShmFiles("")
			told <- answer{files, err}
		}()
		select {
		case got := <-told:
			var names []string
			for _, f := range got.files {
				names = append(names, f.Name)
			}
			if diff := cmp.Diff([]string{"a", "directory", "z"}, names); diff != "" || got.err != OtherMounts(2) {
				t.Errorf("%v, -want +got:\n%s", got.err, diff)
			}
		case <-time.After(10 * time.Second):
			t.Error("a server that does not answer hangs the list")
		}
	})
}

// Stat of a Lister tells what stat tells.
func TestListerTellsWhatStatTells(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if err := os.WriteFile("/dev/shm/a", make([]byte, 5000), 0o640); err != nil {
			t.Fatal(err)
		}
		dir := kerneltest.Must(unix.Open("/dev/shm", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))(t)
		defer unix.Close(dir)
		want := kerneltest.Must(vfs.StatAt(dir, "a"))(t)
		for _, typ := range []uint8{unix.DT_REG, unix.DT_UNKNOWN} {
			if diff := cmp.Diff(want, kerneltest.Must(vfs.NewLister(dir).Stat(typ, "a"))(t)); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func BenchmarkDevShmFiles(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		for i := range 4000 {
			if err := os.WriteFile(fmt.Sprintf("/dev/shm/%d", i), nil, 0o600); err != nil {
				b.Fatal(err)
			}
		}
		dir := kerneltest.Must(unix.Open("/dev/shm", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))(b)
		b.Run("lister", func(b *testing.B) {
			list := vfs.NewLister(dir)
			for b.Loop() {
				for i := range 4000 {
					if _, err := list.Stat(unix.DT_REG, fmt.Sprint(i)); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run("stat", func(b *testing.B) {
			for b.Loop() {
				for i := range 4000 {
					if _, err := vfs.StatAt(dir, fmt.Sprint(i)); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	})
}
