package tui

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// workQueue makes a message queue and waits.
func workQueue(j *kerneltest.Job) {
	id, err := kernel.NewAdmin().MsgGet(0x4711, sysv.IPCCreat|sysv.IPCExcl|0o600)
	j.Check(err)
	j.Ready(id)
	j.Wait()
}

func TestObjectsOfEveryNamespace(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.StartIn(t, unix.CLONE_NEWIPC, "queue")
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/ipc", w.PID))
		if err != nil {
			t.Fatal(err)
		}
		ref := fmt.Sprintf("msg:%s@%s", w.Words[0], strings.Trim(link, "ipc:[]"))
		r := openRig(t, "", 180, 30, nil)
		r.toTab(schema.Msg)
		r.see("1 other IPC namespace holds 1 object (A)")
		r.seeNot(ref)
		r.press("!")
		r.see("note       1 other IPC namespace holds 1 object (A)")
		r.press("Esc", "A")
		r.see(ref, "NS_LEADER", fmt.Sprintf("exe[%d]", w.PID))
		r.press("Enter")
		r.see("0x00004711", "usedbytes")
		r.press("Esc", "A")
		r.seeNot(ref)
	})
}
