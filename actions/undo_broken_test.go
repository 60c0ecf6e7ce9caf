package actions

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// A saved plan that a crash has broken does not hide the others. Each is named with its directory.
func TestUndoPassesOverBrokenPlans(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		var made []schema.Ref
		for key := uint32(0x11); key < 0x15; key++ {
			made = append(made, m.shm(key, 4096))
		}
		m.run(m.removal(made[0]))
		m.run(m.removal(made[1], made[2]))
		m.run(m.removal(made[3]))
		file := func(plan, name string) string { return filepath.Join(m.state, "ipctop", "saved", plan, name) }
		m.ok(os.Truncate(file("2", "1.json"), 10))
		m.ok(os.Truncate(file("3", "plan.json"), 0))
		broken := func(plan, name string) string {
			return "saved plan " + plan + " is broken: " + file(plan, name) + ": unexpected end of JSON input: " +
				"what is missing cannot be made again: look into " + filepath.Dir(file(plan, name)) + " and remove it"
		}
		plans, err := m.Saved()
		if want := broken("2", "1.json") + "\n" + broken("3", "plan.json"); err == nil || err.Error() != want {
			t.Error(cmp.Diff(want, err.Error()))
		}
		if len(plans) != 2 || len(plans[0].Objects) != 1 || len(plans[1].Objects) != 1 {
			t.Errorf("%+v", plans)
		}
		p := m.undo(0)
		if diff := cmp.Diff([]string{broken("3", "plan.json"), broken("2", "1.json")}, p.Notes[1:]); diff != "" {
			t.Error(diff)
		}
		m.all(p, "done "+made[2].String()+": made again")
		m.all(m.undo(0), "done "+made[0].String()+": made again")
		_, err = m.Undo(0)
		if !errors.Is(err, ErrNothingSaved) || !strings.Contains(err.Error(), "saved/3 and remove it") {
			t.Error(err)
		}
		if _, err := m.Undo(3); err == nil || err.Error() != broken("3", "plan.json") {
			t.Error(err)
		}
	})
}
