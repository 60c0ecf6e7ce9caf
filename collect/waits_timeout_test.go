package collect

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// timeout ends the program that hangs below it. The verdict stays, and the row names the parent.
func TestTimeoutEndsWhatHangs(t *testing.T) {
	timeout, err := exec.LookPath("timeout")
	if err != nil {
		t.Skip(err)
	}
	kerneltest.InNamespace(t, func() {
		program := builtOwn(t)
		cmd := exec.Command(timeout, "100000", program, "read")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		kerneltest.OK(t, cmd.Start())
		host := kerneltest.Must(kernel.Open(""))(t)
		c := New(host, time.Now)
		kerneltest.Eventually(t, "a row that is stuck below timeout", func() bool {
			snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}})
			for _, o := range snap.Objects[schema.Wait] {
				r := o.Row.(*waits.Row)
				if r.Task.Comm == "own" && r.Status.Bad() {
					return strings.HasSuffix(r.Task.Wait.EndedBy, "/timeout may end it when its time is over")
				}
			}
			return false
		})
		kerneltest.OK(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		_ = cmd.Wait() // it was killed
	})
}
