package process_test

import (
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestProcessHandle(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "sleep")
		p := kerneltest.Must(process.OpenHandle(w.PID))(t)
		defer p.Close()
		if ended, err := p.Ended(0); ended || err != nil {
			t.Errorf("a living process: ended %v, %v", ended, err)
		}
		kerneltest.OK(t, p.Signal(syscall.SIGKILL))
		if ended, err := p.Ended(kerneltest.Patience); !ended || err != nil {
			t.Errorf("a killed process: ended %v, %v", ended, err)
		}
		w.Kill()
		if err := p.Signal(syscall.SIGTERM); !errors.Is(err, unix.ESRCH) || !sys.Gone(err) {
			t.Errorf("signal to a reaped process: %v", err)
		}
		if _, err := process.OpenHandle(w.PID); !sys.Gone(err) {
			t.Errorf("open a reaped process: %v", err)
		}
	})
}
