package actions

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// workOwnShm mounts a tmpfs of its own on /dev/shm with one unused file and one unused semaphore. Its word is the
// device. On each line it puts another file in the place of the first, or mounts another tmpfs.
func workOwnShm(j *kerneltest.Job) {
	mount := func() {
		j.Check(unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777"))
		for _, name := range []string{"cache", "sem.gate"} {
			j.Check(os.WriteFile("/dev/shm/"+name, make([]byte, 32), 0o600))
		}
	}
	mount()
	var st unix.Stat_t
	j.Check(unix.Stat("/dev/shm", &st))
	j.Ready(schema.FormatDev(st.Dev))
	for {
		switch j.Wait() {
		case "replace":
			j.Check(os.WriteFile("/dev/shm/new", make([]byte, 32), 0o600))
			j.Check(os.Rename("/dev/shm/new", "/dev/shm/cache"))
		case "mount":
			mount()
		}
		j.Ready()
	}
}

// otherShm starts workOwnShm and makes a file of the same name here. It returns the Refs there.
func (m *machine) otherShm() (w *kerneltest.Worker, refs []schema.Ref, path string) {
	m.t.Helper()
	m.ok(os.WriteFile("/dev/shm/cache", []byte("ours"), 0o600))
	w = kerneltest.StartIn(m.t, unix.CLONE_NEWNS, "own-shm")
	path = fmt.Sprintf("/proc/%d/root/dev/shm/", w.PID)
	for _, f := range []struct {
		kind       schema.Kind
		name, file string
	}{{schema.PShm, "/cache", "cache"}, {schema.PSem, "/gate", "sem.gate"}} {
		var st unix.Stat_t
		m.ok(unix.Stat(path+f.file, &st))
		refs = append(refs, schema.Ref{Kind: f.kind, Space: st.Dev, Name: f.name, Gen: st.Ino})
	}
	return w, refs, path
}

func (m *machine) names(dir string) []string {
	m.t.Helper()
	list, err := os.ReadDir(dir)
	m.ok(err)
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestFilesOfAnotherDevShmAreRemovedThere(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w, refs, path := m.otherShm()
		p := m.removal(refs...)
		if len(p.Steps) != 2 {
			t.Fatal(p.Lines())
		}
		stat, err := proc.StatOf(m.host, w.PID)
		m.ok(err)
		want := []string{
			fmt.Sprintf("%s: in the /dev/shm of %s[%d]: POSIX shared memory /cache (owner %s) loses its name; "+
				"nobody uses it, so that it is gone at once; its 32 bytes are lost", refs[0], stat.Comm, w.PID,
				ownName()),
			"  verdict: " + p.Steps[0].Verdict,
			"  not saved: it cannot be made again from here: it is in another /dev/shm",
			"  same as: rm " + path + "cache",
		}
		if diff := cmp.Diff(want, p.Steps[0].Lines()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"done " + refs[0].String() + ": removed",
			"done " + refs[1].String() + ": removed"},
			m.run(p)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([][]string{{"cache"}, {}}, [][]string{m.names("/dev/shm"), m.names(path)}); diff != "" {
			t.Error(diff)
		}
	})
}

// Between the plan and the deed another file or another directory may take the place. Both are left alone.
func TestAnotherDevShmIsComparedBeforeTheDeed(t *testing.T) {
	for _, change := range []string{"replace", "mount"} {
		t.Run(change, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				m := live(t)
				w, refs, path := m.otherShm()
				p := m.removal(refs[0])
				w.Say(change)
				w.Read()
				m.refused(p, refs[0], "changed since it was shown: ")
				if diff := cmp.Diff([]string{"cache", "sem.gate"}, m.names(path)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestTheOtherDevShmIsGone(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w, refs, _ := m.otherShm()
		w.Kill()
		p := m.removal(refs[0])
		want := []string{refs[0].String() + ": no process that can be seen from here has it in its /dev/shm any " +
			"more: look again"}
		if diff := cmp.Diff(want, refusals(p)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"cache"}, m.names("/dev/shm")); diff != "" {
			t.Error(diff)
		}
	})
}

func refusals(p *Plan) []string {
	var all []string
	for _, r := range p.Refused {
		all = append(all, fmt.Sprint(r))
	}
	return all
}
