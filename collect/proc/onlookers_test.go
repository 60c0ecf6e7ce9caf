package proc

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// Who reads our output through pipes is an onlooker, also behind another reader. Who writes into the same pipe is none,
// and neither is who reads another pipe.
func TestOnlookersReadOurOutput(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		host := kerneltest.Must(kernel.Open(""))(t)
		pipe := func() (r, w *os.File) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			return r, w
		}
		start := func(in, out *os.File) int {
			cmd := exec.Command("sleep", "100")
			cmd.Stdin, cmd.Stdout = in, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			return cmd.Process.Pid
		}
		ourOut, toReader := pipe()
		between, toBehind := pipe()
		other, toOther := pipe()
		reader, behind := start(ourOut, toBehind), start(between, nil)
		writer, stranger := start(other, toReader), start(other, nil)
		ourOut.Close()
		between.Close()
		toBehind.Close()
		defer toOther.Close()
		stdout := kerneltest.Must(unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 10))(t)
		for _, needs := range []schema.Need{NeedProcs | NeedFDs, NeedProcs | NeedFDs | NeedFDModes} {
			if err := unix.Dup3(int(toReader.Fd()), 1, 0); err != nil {
				t.Fatal(err)
			}
			tick, _, _ := Begin(host, nil, &Kept{}, time.Now(),
				Ask{Want: map[schema.Kind]schema.Need{schema.Pipe: needs}})
			list := tick.Onlookers()
			if err := unix.Dup3(stdout, 1, 0); err != nil {
				t.Fatal(err)
			}
			for pid, want := range map[int]bool{reader: true, behind: true, writer: false, stranger: false,
				os.Getpid():  true,
				os.Getppid(): true} {
				if got := slices.Contains(list, tick.Process(pid)); got != want {
					t.Errorf("needs %x: process %d of reader %d, behind %d, writer %d, stranger %d: onlooker %v", needs,
						pid, reader, behind, writer, stranger, got)
				}
			}
		}
	})
}
