package views_test

import (
	"testing"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// --where and --sort work over several kinds: a column of one ID has one type in every kind.
func TestAColumnHasOneTypeInEveryKind(t *testing.T) {
	types := map[string]schema.Type{}
	for _, m := range collect.Mechanisms() {
		for _, c := range views.ColumnsOf(m) {
			is := c.Type
			if is == schema.TypeRef {
				is = schema.TypeString // a Ref is a text to the filter and to the sort
			}
			if typ, ok := types[c.ID]; ok && typ != is {
				t.Errorf("%s is %v in %s and %v before", c.ID, is, m.Kind, typ)
			}
			types[c.ID] = is
		}
	}
}
