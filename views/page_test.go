package views_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// A page has the table's columns first, and every column once.
func TestPageColumns(t *testing.T) {
	ids := func(columns []schema.Column) []string {
		var ids []string
		for _, c := range columns {
			ids = append(ids, c.ID)
		}
		return ids
	}
	for _, m := range collect.Mechanisms() {
		page := ids(views.PageColumns(m))
		if diff := cmp.Diff(m.Default, page[:len(m.Default)]); diff != "" {
			t.Errorf("%s begins otherwise (-default +page):\n%s", m.Kind, diff)
		}
		all := ids(m.Columns)
		slices.Sort(all)
		slices.Sort(page)
		if diff := cmp.Diff(all, page); diff != "" {
			t.Errorf("%s (-all +page):\n%s", m.Kind, diff)
		}
	}
}
