package actions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// A segment and a POSIX queue are copied after they are removed. If ipctop is killed between, the plan of undo says
// that nothing of their content is there.
func TestUndoAfterTheCopyWasCutOff(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		seg := m.shm(0x21, 8192)
		memory, err := m.admin.ShmAttach(int(seg.ID), false)
		m.ok(err)
		copy(memory, "held")
		m.ok(m.admin.ShmDetach(memory))
		seg = m.ref(schema.Shm, int(seg.ID))
		p := m.removal(seg, m.queue("/jobs", 3))
		saved := map[string][]byte{} // as a kill right after the deeds leaves it
		for i, name := range []string{"1.json", "2.json"} {
			path, do := filepath.Join(m.state, "ipctop", "saved", "1", name), p.Steps[i].do
			p.Steps[i].do = func() (string, error) {
				says, err := do()
				text, readErr := os.ReadFile(path)
				m.ok(readErr)
				saved[path] = text
				return says, err
			}
		}
		m.run(p)
		for path, text := range saved {
			m.ok(os.WriteFile(path, text, 0o600))
		}
		plans, err := m.Saved()
		m.ok(err)
		if len(plans) != 1 {
			t.Fatalf("%+v", plans)
		}
		missing := "what it held: the copy was not finished"
		want := []SavedEntry{{Ref: seg.String(), Unsaved: missing}, {Ref: "pmsg:/jobs", Unsaved: missing}}
		if diff := cmp.Diff(want, plans[0].Objects); diff != "" {
			t.Error(diff)
		}
		back := m.undo(0)
		for i, with := range []string{"zeros, permissions 0600", "no messages, permissions 0600"} {
			st := &back.Steps[i]
			if diff := cmp.Diff([]string{missing}, st.Unsaved); diff != "" || !strings.Contains(st.Says, with) {
				t.Errorf("%s\n%s", st.Says, diff)
			}
		}
		m.all(back, "done "+seg.String()+": made again", "done pmsg:/jobs: made again")
	})
}
