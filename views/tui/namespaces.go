package tui

import "slices"

// nsColumn shows the namespace of an object.
const nsColumn = "ns_leader"

// everyNamespace switches between the objects of all namespaces and of our own. It changes every tab.
func everyNamespace(a *app) reaction {
	a.all = !a.all
	for _, t := range a.tabs {
		t.all = a.all
		t.setWide(t.wide)
	}
	return rearrange | demand
}

// columnsNow returns the tab's columns, with nsColumn if all namespaces are shown.
func (t *tab) columnsNow() []*column {
	columns := columnsOf(t.view, t.wide)
	if !t.all {
		return columns
	}
	var c *column
	for _, m := range t.view.Mechanisms {
		if sc, ok := m.Column(nsColumn); ok {
			if c == nil {
				c = newColumn(sc)
			}
			c.byKind[m.Kind] = sc
		}
	}
	if c == nil {
		return columns
	}
	columns = slices.DeleteFunc(columns, func(c *column) bool { return c.id == nsColumn })
	return slices.Insert(columns, min(1, len(columns)), c)
}
