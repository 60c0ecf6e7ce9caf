package collect

import (
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// A value that could not be read for want of a descriptor is a denied cell with a fault. It is never a blank.
func TestValuesWithoutDescriptors(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		if err := s.admin.PosixSemCreate("/counter", 7, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.admin.PosixMsgCreate("/jobs", 0o600); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			kind   schema.Kind
			need   schema.Need
			column string
			want   int64
			says   string
		}{
			{schema.PSem, kinds.NeedSemValues, "sval", 7, "values of 1 semaphores could not be read: " +
				"too many open files"},
			{schema.PMsg, 0, "msgs", 0, "contents of 1 queues could not be read: too many open files"},
		} {
			host, err := kernel.Open("")
			if err != nil {
				t.Fatal(err)
			}
			known := 0
			for n := range 9 {
				undo := leaveDescriptors(t, n)
				snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{c.kind: c.need}})
				undo()
				said := false
				for _, f := range snap.Faults {
					said = said || f == schema.Fault{Source: string(c.kind), Says: c.says, Failed: true, Count: 1}
				}
				for _, o := range snap.Objects[c.kind] {
					v := cellOf(c.kind, c.column)(o)
					switch {
					case v.State() == schema.Known && v.Int() == c.want && !said:
						known++
					case v.State() == schema.Denied && said:
					default:
						t.Errorf("%s with %d descriptors: %v, state %v, faults %+v", c.kind, n, v, v.State(),
							snap.Faults)
					}
				}
			}
			// A list needs as many descriptors as the values. So a value is seldom lost alone.
			if known == 0 {
				t.Errorf("%s: no value was known", c.kind)
			}
		}
	})
}
