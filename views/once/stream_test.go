package once_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// streamed gives a snapshot to a Stream part by part, as a Collector does. The kinds come in another order than the
// sections.
func streamed(w *brokenWriter, s *collect.Snapshot, sections []once.Section, o once.Options) error {
	stream := once.NewStream(w, sections, o, func(s *once.Section, objects []*schema.Object) { s.Rows = objects })
	to := stream.Parts()
	to.Begin(s)
	for i := len(sections) - 1; i >= 0; i-- {
		kind := sections[i].Mechanism.Kind
		to.Objects(kind, s.Objects[kind])
	}
	for _, e := range s.Edges {
		to.Edge(e)
	}
	stream.Wait()
	return stream.Close(s)
}

// brokenWriter fails after a number of bytes; 0: never.
type brokenWriter struct {
	strings.Builder
	most int
}

var errBroken = errors.New("broken")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.most > 0 && w.Len()+len(p) > w.most {
		return 0, errBroken
	}
	return w.Builder.Write(p)
}

func manyRows(n int) (*collect.Snapshot, []once.Section) {
	column := schema.Column{ID: "size", Type: schema.TypeInt,
		Get: func(o *schema.Object) schema.Value { return schema.Int(int64(o.Ref.ID)) }}
	s := &collect.Snapshot{Taken: time.Unix(1, 0), Objects: map[schema.Kind][]*schema.Object{}}
	var sections []once.Section
	for _, kind := range []schema.Kind{schema.Pipe, schema.EventFD} {
		for id := range uint64(n) {
			ref := schema.Ref{Kind: kind, ID: id}
			s.Objects[kind] = append(s.Objects[kind], &schema.Object{Ref: ref})
			s.Edges = append(s.Edges, schema.Edge{From: schema.Ref{Kind: schema.Proc, ID: 7}, To: ref,
				Rel: schema.RelHolds, Via: schema.OnFD(int(id), 0), Proof: schema.Observed})
		}
		// neither end is a row
		s.Edges = append(s.Edges, schema.Edge{From: schema.Ref{Kind: schema.Proc, ID: 7},
			To: schema.Ref{Kind: schema.Sem, ID: 1}, Rel: schema.RelHolds, Proof: schema.Observed})
		sections = append(sections, once.Section{Rows: s.Objects[kind],
			Table: views.Table{Mechanism: collect.MechanismOf(kind),
				Columns: []schema.Column{views.RefColumn(), column}}})
	}
	// A peer's edge leads back to an earlier row.
	s.Edges = append(s.Edges, schema.Edge{From: s.Objects[schema.Pipe][0].Ref, To: schema.Ref{Kind: schema.Sem, ID: 1},
		Rel: schema.RelPeer, Proof: schema.Inferred})
	return s, sections
}

func TestStreamWritesTheSameAsWrite(t *testing.T) {
	for _, output := range []string{"json", "jsonl", "csv"} {
		s, sections := manyRows(50)
		o := once.Options{Output: output}
		var want strings.Builder
		if err := once.Write(&want, s, sections, o); err != nil {
			t.Fatal(err)
		}
		var got brokenWriter
		err := streamed(&got, s, sections, o)
		if diff := cmp.Diff(want.String(), got.String()); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", output, err, diff)
		}
		if output == "json" && strings.Count(got.String(), `"rel"`) != 101 {
			t.Errorf("%d edges, want those of the 100 rows and one more", strings.Count(got.String(), `"rel"`))
		}
	}
}

func TestStreamReportsTheWritersError(t *testing.T) {
	for _, output := range []string{"json", "jsonl", "csv"} {
		s, sections := manyRows(20_000)
		w := brokenWriter{most: 100_000}
		if err := streamed(&w, s, sections, once.Options{Output: output}); !errors.Is(err, errBroken) {
			t.Errorf("%s: the error is %v, want that of the writer", output, err)
		}
	}
}
