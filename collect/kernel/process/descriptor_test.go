package process_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

func TestReadMapped(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: map_files are for those who may checkpoint")
	}
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		id := kerneltest.Must(sysv.ShmGet(1, 3*sys.PageSize(), sysv.IPCCreat|sysv.IPCExcl|0o600))(t)
		w := kerneltest.Start(t, "attach", strconv.Itoa(id))
		dir := kerneltest.Must(process.Open(h, w.PID))(t)
		defer dir.Close()
		maps := kerneltest.Must(dir.SharedMaps(make([]byte, 64<<10)))(t)
		if len(maps) != 1 {
			t.Fatalf("maps %+v", maps)
		}
		before, all := kerneltest.Must(sysv.ShmStat(h, id))(t), kerneltest.Must(sysv.ShmSegments(h, true))(t)
		buf := make([]byte, 4*sys.PageSize())
		n := kerneltest.Must(dir.ReadMapped(maps[0], 0, buf))(t)
		if n != int(3*sys.PageSize()) || buf[0] != 1 || buf[sys.PageSize()] != 0 {
			t.Errorf("read %d bytes, %d first", n, buf[0])
		}
		if diff := cmp.Diff(before, kerneltest.Must(sysv.ShmStat(h, id))(t)); diff != "" {
			t.Errorf("reading changed the segment:\n%s", diff)
		}
		if diff := cmp.Diff(all, kerneltest.Must(sysv.ShmSegments(h, true))(t)); diff != "" {
			t.Errorf("reading made pages:\n%s", diff)
		}
		w.Finish()
		if _, err := dir.ReadMapped(maps[0], 0, buf); !sys.Gone(err) {
			t.Errorf("after its end: %v", err)
		}
	})
}
