package tui

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// gate stops each reader of the last object's cells while it is shut.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // nil: open
	asked  chan struct{} // gets one value from each stopped reader
}

func (g *gate) pass() {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened != nil {
		g.asked <- struct{}{}
		<-opened
	}
}

func (g *gate) shut() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	opened := make(chan struct{})
	g.opened = opened
	return func() {
		g.mu.Lock()
		g.opened = nil
		g.mu.Unlock()
		close(opened)
	}
}

// singleSource is a source with a single snapshot. Its collector does not have the kinds of the test.
type singleSource struct {
	Source
	demanded bool
}

func (f *singleSource) Demand(r collect.Request) {
	if !f.demanded {
		f.demanded = true
		f.Source.Demand(r)
	}
}

// openCrowd shows n objects in the first tab. Its column n numbers them from the top.
func openCrowd(t *testing.T, n int, g *gate) *rig {
	t.Helper()
	col := schema.Col[int64]
	m := &kinds.Mechanism{Kind: "crowd", Family: "crowds", Columns: []schema.Column{
		col("n", schema.TypeInt, 6, 0, "", func(i *int64) schema.Value {
			if *i == int64(n-1) {
				g.pass()
			}
			return schema.Int(*i)
		}),
	}, Default: []string{"n"}}
	objects := make([]*schema.Object, n)
	for i := range objects {
		number := int64(i)
		objects[i] = &schema.Object{Ref: schema.Ref{Kind: "crowd", ID: uint64(i)}, Row: &number}
	}
	r := openRig(t, collecttest.New(t).Root, 80, 24, func(o *Options) { o.Source = &singleSource{Source: o.Source} })
	r.inside(func(a *app) {
		crowd := newTab(views.View{Family: "crowds", Mechanisms: []*kinds.Mechanism{m}})
		crowd.next = crowdSnapshot(crowd, objects)
		a.tabs = append(a.tabs, crowd)
		a.current = len(a.tabs) - 1
		a.arrange(crowd)
	})
	r.see(fmt.Sprint(n, " shown"))
	return r
}

// A worker sorts until the test opens the gate. Meanwhile keys are answered. The result for old settings is not shown.
func TestKeysAreAnsweredWhileRowsAreSorted(t *testing.T) {
	t.Parallel()
	g := &gate{asked: make(chan struct{}, 1<<20)}
	r := openCrowd(t, 100_000, g)
	same(t, "cursor", "crowd:0", r.cursorRef())
	open := g.shut()
	r.press("N") // sorts by N, descending
	<-g.asked
	r.press("Down", "Down")
	same(t, "cursor while it is sorted", "crowd:2", r.cursorRef())
	r.see("N▼", "crowd:1 ")
	r.press("I") // ascending: the result of the first sort is of no use now
	r.press("Down")
	same(t, "cursor while it is sorted", "crowd:3", r.cursorRef())
	open()
	r.see("N▲")
	r.waitUntil("the worker", func(s state) bool { return !s.busy })
	same(t, "cursor on its object", "crowd:3", r.cursorRef())
	r.press("I")
	r.waitUntil("the worker", func(s state) bool { return !s.busy })
	r.press("Home")
	same(t, "first row, sorted downwards", "crowd:99999", r.cursorRef())
}

// The worker has its own expression, because only one goroutine at a time may use an expression.
func TestManyRowsAreFilteredByExpression(t *testing.T) {
	t.Parallel()
	r := openCrowd(t, 100_000, &gate{})
	r.press("\\")
	r.write("n % 1000 == 7")
	r.press("Enter", "I", "Down")
	r.see("100 of 100000 shown")
	r.press("Esc")
	r.see("100000 shown")
}

// cursorRef is the ref under the cursor.
func (r *rig) cursorRef() string {
	r.t.Helper()
	ref := ""
	r.inside(func(a *app) { ref = a.tab().current().Ref.String() })
	return ref
}

// BenchmarkKey measures the delay of a key right after a snapshot of 100,000 rows. It compares a sort by the worker
// with a sort on the UI goroutine.
func BenchmarkKey(b *testing.B) {
	for _, how := range []string{"worker", "at-once"} {
		b.Run(how, func(b *testing.B) {
			r := openRig(b, collecttest.New(b).Root, 80, 24,
				func(o *Options) { o.Source = &singleSource{Source: o.Source} })
			t := crowd(100_000)
			t.sortBy = t.column("name")
			r.inside(func(a *app) {
				a.tabs = append(a.tabs, t)
				a.current = len(a.tabs) - 1
			})
			for b.Loop() {
				r.inside(func(a *app) {
					if how == "worker" {
						a.arrange(t)
					} else {
						t.arrange()
					}
				})
			}
			r.waitUntil("the worker", func(s state) bool { return !s.busy })
		})
	}
}

// A tab that is not on screen forgets many rows. When it is shown again, the cursor is on its object, in the same line.
func TestManyRowsAreForgottenOffScreen(t *testing.T) {
	few, many := crowd(10), crowd(atOnce+1)
	few.forget()
	same(t, "few rows", 10, len(few.rows))
	many.move(500)
	many.top = 490
	next := many.next
	many.marks[many.current().Ref] = true
	many.forget()
	same(t, "rows with a mark", atOnce+1, len(many.rows))
	clear(many.marks)
	many.forget()
	same(t, "rows", 0, len(many.rows))
	many.next = next
	many.arrange()
	same(t, "cursor", "crowd:500", many.current().Ref.String())
	same(t, "line of the cursor", 10, many.index-many.top)
}
