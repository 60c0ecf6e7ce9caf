package tui

import "github.com/ipctop/ipctop/collect/schema"

// Processes belong to groups and sessions. A key marks a whole group or session, for a look or a signal.

// markKeys mark many rows at once.
func markKeys() keymap {
	inGroups := func(a *app) bool {
		o := a.tab().current()
		return o != nil && o.Ref.Kind == schema.Proc
	}
	hasRows := func(a *app) bool { return a.tab().current() != nil }
	return keymap{
		{keys: "m", help: "mark every row that is shown", when: hasRows, do: markShown},
		{keys: "g", help: "mark the whole process group, folded and filtered ones too", when: inGroups,
			do: markAlike("pgid")},
		{keys: "G", help: "mark the whole session, folded and filtered ones too", when: inGroups, do: markAlike("sid")},
	}
}

func markShown(a *app) reaction {
	t := a.tab()
	for i := range t.rows {
		t.marks[t.rows[i].object.Ref] = true
	}
	t.countMarks()
	return nothing
}

// markAlike marks every object of the tab that has the same cell in a column as the object under the cursor.
func markAlike(id string) func(*app) reaction {
	return func(a *app) reaction {
		t := a.tab()
		c, ok := t.mechanism(t.current().Ref.Kind).Column(id)
		if !ok {
			return nothing
		}
		same := c.Get(t.current())
		for _, o := range t.objects() {
			if o.Ref.Kind == t.current().Ref.Kind && c.Get(o).Equal(same) {
				t.marks[o.Ref] = true
			}
		}
		t.countMarks()
		return nothing
	}
}
