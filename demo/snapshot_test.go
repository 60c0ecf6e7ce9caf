package demo_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// The names of the demo for its objects must be the names in a snapshot. Otherwise nobody finds them on screen.
func TestSnapshotHoldsEveryObject(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := start(t)
		want := map[schema.Kind]schema.Need{}
		for _, m := range collect.Mechanisms() {
			want[m.Kind] = m.Needs
		}
		snapshot := collect.New(host(t), time.Now).Take(collect.Request{Want: want})
		for _, f := range snapshot.Faults {
			t.Errorf("fault: %+v", f)
		}
		for _, o := range r.Objects() {
			if snapshot.Find(o.Ref) == nil {
				t.Errorf("%s: no %+v in the snapshot", o.Scenario, o.Ref)
			}
		}
	}, unix.CLONE_NEWNET)
}
