package collect_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// The processes at an object are those that its columns show, and a kind without such a column has no such side.
func TestEndsAreTheColumns(t *testing.T) {
	sides := []kinds.Side{kinds.Holders, kinds.Readers, kinds.Writers, kinds.Waiters}
	want := map[schema.Kind]schema.Need{}
	for _, m := range collect.Mechanisms() {
		want[m.Kind] = m.NeedsAt(sides...)
	}
	// sock_diag alone lists these; their row is a Socket like netlink's
	seen := map[schema.Kind]bool{schema.Vsock: true}
	for _, m := range []*collecttest.Machine{collecttest.Sample(t), collecttest.Notifiers(t), collecttest.Files(t)} {
		host, err := kernel.Open(m.Root)
		if err != nil {
			t.Fatal(err)
		}
		snap := collect.New(host, time.Now).Take(collect.Request{Want: want})
		for _, m := range collect.Mechanisms() {
			for _, o := range snap.Objects[m.Kind] {
				seen[m.Kind] = true
				ends := kinds.EndsOf(o)
				for _, side := range sides {
					v, has := ends.At(side)
					c, hasColumn := m.Column(string(side))
					if has != hasColumn {
						t.Errorf("%s: has %s: %v, has the column: %v", o.Ref, side, has, hasColumn)
					} else if has && !cmp.Equal(v, c.Get(o)) {
						t.Errorf("%s: %s are %+v, its column says %+v", o.Ref, side, v, c.Get(o))
					}
				}
			}
		}
	}
	for _, m := range collect.Mechanisms() {
		if want[m.Kind] != 0 && !seen[m.Kind] {
			t.Errorf("no sample of kind %s", m.Kind)
		}
	}
}
