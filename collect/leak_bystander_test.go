package collect

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// A shell that runs a script or a command may have made what nobody uses, and know it.
func TestInteractive(t *testing.T) {
	for line, want := range map[string]bool{
		"bash": true, "-bash": true, "/bin/zsh -l": true, "bash -i --norc": true, "sh -s": true, "-sh -l": true,
		"bash daemon.sh": false, "sh -c ./daemon": false, "-bash -c ./daemon": false, "bash -lc ./daemon": false, "bash --rcfile x": false, "sh -x daemon": false,
	} {
		if got := interactive([]byte(strings.ReplaceAll(line, " ", "\x00") + "\x00")); got != want {
			t.Errorf("%q is interactive: %v", line, got)
		}
	}
	for file, want := range map[string]bool{"/dev/pts/0": true, "/dev/tty1": true, "/dev/console": true, "/dev/null": false, "/dev/ptmx": false, "/tmp/script": false, "": false, "pipe:[1]": false} {
		if got := isTerminal(file); got != want {
			t.Errorf("%q is a terminal: %v", file, got)
		}
	}
}

func FuzzInteractive(f *testing.F) {
	f.Add([]byte("bash\x00-l\x00"))
	f.Add([]byte{})
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, cmdline []byte) {
		if interactive(cmdline) && interactive(append(cmdline, "\x00script\x00"...)) {
			t.Errorf("%q with a script is interactive", cmdline)
		}
	})
}

// workCalled goes by another name.
func workCalled(j *kerneltest.Job) {
	j.Check(os.WriteFile("/proc/self/comm", []byte(j.Args[0]), 0))
	j.Ready()
	j.Wait()
}

// A process chooses its name: who may not see which program it is cannot tell that it knows nothing. An older one of another name is an elder.
func TestProcessWithABystandersName(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs processes of two users")
		}
		s := newSysVScene(t)
		other := &syscall.Credential{Uid: 1235, Gid: 1235}
		called := kerneltest.StartAs(t, other, "called", "screen")
		creator := kerneltest.StartAs(t, other, "create-segment")
		creator.Finish()
		ref := "shm:" + creator.Words[0]
		s.judges(ref, relate.Suspect, unattached, died("creator", creator), s.elder(called.PID, 1235, time.Unix(s.segment(creator.Words[0]).CTime, 0)))
		s.wants("to an ordinary user", s.asUser(1234, schema.Shm)[ref], relate.Unknown, unattached, died("creator", creator),
			fmt.Sprintf("whether these are the programs that they are called after, which know no objects, could not be read: %d/screen", called.PID))
	})
}
