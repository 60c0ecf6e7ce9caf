package collect

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// A later tick takes over rows of pipes and FIFOs. It must show what a first tick shows, whatever happened between.
func TestPipesOfALaterTick(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		random := kerneltest.Random(t)
		host, err := kernel.Open("")
		s.check(err)
		later := New(host, time.Now)
		path := filepath.Join(t.TempDir(), "fifo")
		s.check(unix.Mkfifo(path, 0o600))
		var open []int
		t.Cleanup(func() {
			for _, fd := range open {
				unix.Close(fd)
			}
		})
		for range kerneltest.Rounds(30, 300) {
			for range random.IntN(4) {
				i := random.IntN(len(open) + 1)
				switch random.IntN(6) {
				case 0:
					var p [2]int
					s.check(unix.Pipe2(p[:], unix.O_CLOEXEC))
					open = append(open, p[:]...)
				case 1:
					fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
					s.check(err)
					open = append(open, fd)
				case 2:
					s.check(os.WriteFile("/proc/self/comm", []byte(string(rune('a'+random.IntN(26)))), 0o600))
				case 3, 4:
					if i < len(open) {
						unix.Close(open[i])
						open = append(open[:i], open[i+1:]...)
					}
				case 5:
					if i < len(open) {
						fd, err := unix.FcntlInt(uintptr(open[i]), unix.F_DUPFD_CLOEXEC, 0)
						s.check(err)
						open = append(open, fd)
					}
				}
			}
			r := Request{Want: map[schema.Kind]schema.Need{}, Edges: random.IntN(2) == 0}
			for _, kind := range []schema.Kind{schema.Pipe, schema.Fifo} {
				r.Want[kind] = 0
				for _, c := range MechanismOf(kind).Columns {
					if random.IntN(5) == 0 {
						r.Want[kind] |= c.Needs
					}
				}
			}
			again, first := later.Take(r), New(host, time.Now).Take(r)
			for _, kind := range []schema.Kind{schema.Pipe, schema.Fifo} {
				gotRows, gotEdges := table(again, kind)
				wantRows, wantEdges := table(first, kind)
				if diff := gocmp.Diff(wantRows, gotRows) + gocmp.Diff(wantEdges, gotEdges); diff != "" {
					t.Fatalf("%s (-first +later):\n%s", kind, diff)
				}
			}
		}
	})
}
