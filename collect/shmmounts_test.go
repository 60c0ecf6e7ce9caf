package collect

import (
	"os"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// Entries of /dev/shm on which other file systems are mounted are left out, and a note counts them.
func TestMountsInDevShmAreCounted(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		host := kerneltest.Must(kernel.Open(""))(t)
		kerneltest.OK(t, os.WriteFile("/dev/shm/plain", []byte("x"), 0o600))
		for _, dir := range []string{"/dev/shm/one", "/dev/shm/two"} {
			kerneltest.OK(t, os.Mkdir(dir, 0o700))
			kerneltest.OK(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
		}
		snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.PShm: 0}})
		var names []string
		for _, o := range snap.Objects[schema.PShm] {
			names = append(names, cellOf(schema.PShm, "name")(o).Str())
		}
		if diff := gocmp.Diff([]string{"/plain"}, names); diff != "" {
			t.Error(diff)
		}
		const want = "other file systems are mounted on 2 entries in /dev/shm: what is there is not shown"
		if diff := gocmp.Diff([]string{want}, snap.Notes); diff != "" || len(snap.Faults) > 0 {
			t.Errorf("faults %v, %s", snap.Faults, diff)
		}
	})
}
