package collect

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// If fdinfo lacks a fact, or the object is gone before it is read, only that one object is affected.
func TestBrokenFDInfo(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(*collecttest.Machine)
		want func(*summary)
	}{
		"an eventfd's fdinfo is cut off": { // then it has no number, and its descriptor names it
			func(m *collecttest.Machine) { m.Write("/proc/211/fdinfo/3", "pos:\t0\nflags:\t02\neventfd-count:") },
			func(s *summary) { s.Objects[schema.EventFD]++ },
		},
		"fdinfo without a word": { // the objects are there, but their cells are empty
			func(m *collecttest.Machine) {
				for _, fd := range []string{"6", "9", "10", "11", "12", "14", "15"} {
					m.Write("/proc/210/fdinfo/"+fd, "pos:\t0\n")
				}
			},
			func(*summary) {},
		},
		"the last lock is cut off": {
			func(m *collecttest.Machine) { m.Append("/proc/locks", "4: POSIX  ADVISORY  READ 210 08:01") },
			func(s *summary) { s.Faults["lock"] = "failed" },
		},
		"no locks": {
			func(m *collecttest.Machine) { m.Remove("/proc/locks") },
			func(s *summary) { s.Objects[schema.Lock], s.Faults["lock"] = 0, "failed" },
		},
		"an eventfd was closed while it was looked at": {
			func(m *collecttest.Machine) { m.Remove("/proc/210/fdinfo/4") },
			func(s *summary) { s.Objects[schema.EventFD]-- },
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := collecttest.Notifiers(t)
			want := mustSummarize(t, m)
			if len(want.Faults) > 0 {
				t.Fatal(want.Faults)
			}
			c.harm(m)
			c.want(&want)
			if diff := gocmp.Diff(want, mustSummarize(t, m)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A flock belongs to the holders of the open file. The process that has the taker's pid now does not hold it.
func TestLockWhoseTakerIsGone(t *testing.T) {
	m := collecttest.Notifiers(t)
	snap := machine(t, m).Take(Request{Want: map[schema.Kind]schema.Need{schema.Lock: 0}, Edges: true})
	_, ino := m.FileID(collecttest.Locked)
	for _, o := range snap.Objects[schema.Lock] {
		if r := o.Row.(*kinds.LockRow); r.Ino == ino && r.Class == "FLOCK" {
			holder := r.Uses[0].Process
			want := []schema.Edge{{From: holder.Ref(), To: o.Ref, Rel: schema.RelHolds, Via: schema.InWords("fd 5"),
				Proof: schema.Observed}}
			if diff := gocmp.Diff(want, edgesTo(snap, o.Ref)); diff != "" || holder.PID != 210 || o.Ref.Gen != 0 ||
				r.Owner != nil {
				t.Errorf("%+v of %v, held by %d\n%s", o.Ref, r.Owner, holder.PID, diff)
			}
			return
		}
	}
	t.Fatal("no flock on the file")
}

func edgesTo(snap *Snapshot, to schema.Ref) []schema.Edge {
	var edges []schema.Edge
	for _, e := range snap.Edges {
		if e.To == to {
			edges = append(edges, e)
		}
	}
	return edges
}
