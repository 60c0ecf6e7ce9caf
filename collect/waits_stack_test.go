package collect

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// workReadForEver is a worker that reads a pipe which only it has.
func workReadForEver(j *kerneltest.Job) {
	var pipe [2]int
	j.Check(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	j.Ready()
	_, err := unix.Read(pipe[0], make([]byte, 1))
	j.Check(err)
}

// The stack of a wait names the function of the program that made the call. As root it begins with the kernel's.
func TestStackOfAWait(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		host := kerneltest.Must(kernel.Open(""))(t)
		worker := kerneltest.Start(t, "read-for-ever")
		c := New(host, time.Now)
		at := slices.IndexFunc(c.mechanisms, func(m *kinds.Mechanism) bool { return m.Kind == schema.Wait })
		column, _ := c.mechanisms[at].Column("stack")
		stack := func(need schema.Need) (words []string) {
			snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: need}})
			for _, o := range snap.Objects[schema.Wait] {
				if r := o.Row.(*waits.Row); int(r.Task.Proc.ID) == worker.PID && r.Task.Wait.Call == "read" {
					words = append(words, column.Get(o).List()...)
				}
			}
			return words
		}
		has := func(words []string, part string) bool {
			return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, part) })
		}
		kerneltest.Eventually(t, "the worker's function in the stack", func() bool {
			words := stack(waits.NeedStack)
			_, err := os.ReadFile("/proc/self/stack")
			return has(words, "likely: github.com/ipctop/ipctop/collect.workReadForEver (") &&
				(err != nil || strings.HasPrefix(words[0], "kernel: "))
		})
		if words := stack(0); words != nil {
			t.Errorf("a stack that nobody asked for: %q", words)
		}
	})
}
