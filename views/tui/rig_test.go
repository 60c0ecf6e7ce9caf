package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC
	kerneltest.Main(m, testWorkers())
}

// patience is the longest wait of a test.
const patience = 30 * time.Second

// rig is the dashboard on a simulated screen, with a real collector.
type rig struct {
	t      testing.TB
	app    *app
	screen *testScreen
	source *recorder
	done   chan error
	cancel context.CancelFunc

	pressed int
}

// state is the app's state that tests wait for, besides the text on the screen.
type state struct {
	handled     int // keys handled so far
	index, rows int
	read, held  bool
	heldLook    string // first finding of a held look of the watch
	busy        bool
}

// recorder is a Sampler that keeps the requests it got.
type recorder struct {
	*collect.Sampler
	mu       sync.Mutex
	demanded []collect.Request
	often    bool // watch as often as possible
}

func (r *recorder) Watch(req collect.Request, every time.Duration) {
	if r.often {
		every = time.Millisecond
	}
	r.Sampler.Watch(req, every)
}

func (r *recorder) Demand(req collect.Request) {
	r.mu.Lock()
	r.demanded = append(r.demanded, req)
	r.mu.Unlock()
	r.Sampler.Demand(req)
}

func (r *recorder) last() collect.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.demanded[len(r.demanded)-1]
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.demanded)
}

// clock is the time of machines made of files.
func clock() time.Time { return time.Unix(collecttest.Boot+86400, 0).UTC() }

// openRig shows the dashboard for the machine below root ("": the live machine). Only Ctrl-R refreshes it.
func openRig(t testing.TB, root string, w, h int, change func(*Options)) *rig {
	t.Helper()
	host, err := kernel.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	now := clock
	if root == "" {
		now = time.Now
	}
	r := &rig{t: t, screen: newTestScreen(t), done: make(chan error, 1)}
	r.source = &recorder{Sampler: collect.NewSampler(collect.New(host, now), time.Hour)}
	opts := Options{Source: r.source, Sample: r.source.Run, Interval: 2 * time.Second, Screen: r.screen}
	if change != nil {
		change(&opts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	r.app = newApp(ctx, opts)
	r.watch()
	sized := make(chan struct{})
	r.app.tv.SetBeforeDrawFunc(func(s tcell.Screen) bool {
		select {
		case <-sized:
		default:
			close(sized)
			r.screen.SetSize(w, h)
			r.announceSize(w, h)
		}
		return r.app.adaptColours(s)
	})
	go func() { r.done <- r.app.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.done:
		case <-time.After(patience):
			t.Error("the dashboard did not end")
		}
	})
	r.waitFor("the first snapshot", func(s string) bool { return strings.Contains(s, "refresh ") && r.width(s) == w })
	return r
}

func (r *rig) width(s string) int { return len([]rune(strings.SplitN(s, "\n", 2)[0])) }

// openSample shows the tab of a kind on the machine of collecttest.Sample.
func openSample(t testing.TB, k schema.Kind, w, h int) *rig {
	t.Helper()
	r := openRig(t, collecttest.Sample(t).Root, w, h, nil)
	r.toTab(k)
	return r
}

// watch counts the keys, and keeps the app's state of each draw.
func (r *rig) watch() {
	handled := 0
	r.app.tv.SetInputCapture(func(ev *tcell.EventKey) *tcell.EventKey {
		handled++
		return r.app.key(ev)
	})
	r.app.tv.SetAfterDrawFunc(func(tcell.Screen) {
		t := r.app.tab()
		seen := state{handled: handled, index: t.index, rows: len(t.rows), read: t.snap != nil, held: r.app.held != nil,
			busy: t.busy}
		if s := r.app.heldLook; s != nil && len(s.Findings) > 0 {
			seen.heldLook = s.Findings[0].Kind
		}
		r.screen.state = seen
	})
}

// press sends keys in the spelling of bindings. It returns after their handlers and a draw.
func (r *rig) press(keys ...string) {
	r.t.Helper()
	for _, key := range keys {
		r.screen.below.InjectKey(inject(r.t, key))
		r.pressed++
		r.waitUntil("key "+key+" to be handled", func(s state) bool { return s.handled >= r.pressed })
	}
}

// write types a text.
func (r *rig) write(text string) {
	r.t.Helper()
	for _, c := range text {
		if c == ' ' {
			r.press("Space")
		} else {
			r.press(string(c))
		}
	}
}

// inject returns a key in the form that SimulationScreen takes.
func inject(t testing.TB, name string) (tcell.Key, rune, tcell.ModMask) {
	t.Helper()
	ev := keyEvent(name)
	if ev == nil {
		t.Fatalf("there is no key %q", name)
	}
	return ev.Key(), ev.Rune(), ev.Modifiers()
}

// click clicks the left button.
func (r *rig) click(x, y int) {
	r.screen.below.InjectMouse(x, y, tcell.Button1, tcell.ModNone)
	r.screen.below.InjectMouse(x, y, tcell.ButtonNone, tcell.ModNone)
}

// clickOn clicks on the first cell of a text.
func (r *rig) clickOn(text string) {
	r.t.Helper()
	for y, line := range strings.Split(r.now(), "\n") {
		if i := strings.Index(line, text); i >= 0 {
			r.click(len([]rune(line[:i])), y)
			return
		}
	}
	r.t.Fatalf("%q is not on the screen:\n%s", text, r.now())
}

// resize gives the screen another size, like a terminal.
func (r *rig) resize(w, h int) {
	r.t.Helper()
	r.screen.hold(r.t)
	r.screen.look() // the old text counts until the next draw
	r.screen.SetSize(w, h)
	r.screen.release()
	r.announceSize(w, h)
}

func (r *rig) announceSize(w, h int) {
	if err := r.screen.PostEvent(tcell.NewEventResize(w, h)); err != nil {
		r.t.Error(err)
	}
}

// now is the text of the last draw.
func (r *rig) now() string {
	r.t.Helper()
	r.screen.hold(r.t)
	defer r.screen.release()
	return r.screen.look()
}

func (r *rig) waitFor(what string, ok func(screen string) bool) {
	r.t.Helper()
	r.wait(what, func() bool { return ok(r.screen.look()) })
}

// see waits until all of the texts stand on the screen.
func (r *rig) see(texts ...string) {
	r.t.Helper()
	r.waitFor(strings.Join(texts, " and "), func(s string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(s, text) })
	})
}

// seeNot waits until none of the texts stands on the screen.
func (r *rig) seeNot(texts ...string) {
	r.t.Helper()
	r.waitFor("the end of "+strings.Join(texts, " and "), func(s string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(s, text) })
	})
}

func (r *rig) waitUntil(what string, ok func(state) bool) {
	r.t.Helper()
	r.wait(what, func() bool { return ok(r.screen.state) })
}

// wait checks every drawn screen. A simulated screen has no other barrier.
func (r *rig) wait(what string, ok func() bool) {
	r.t.Helper()
	holds := func() bool {
		r.screen.hold(r.t)
		defer r.screen.release()
		return ok()
	}
	limit := time.After(patience)
	for !holds() {
		select {
		case <-r.screen.drawn:
		case <-limit:
			r.t.Fatalf("waited in vain for %s:\n%s", what, r.now())
		}
	}
}

// inside runs f on the UI goroutine and waits for it.
func (r *rig) inside(f func(a *app)) {
	r.t.Helper()
	done := make(chan struct{})
	r.app.later(func() { f(r.app); close(done) })
	select {
	case <-done:
	case <-time.After(patience):
		r.t.Fatal("the UI goroutine does not answer")
	}
}

// rows lists the refs of the current tab's rows, in order. "*" stands before a marked ref, ">" before the ref under the
// cursor.
func (r *rig) rows() []string {
	r.t.Helper()
	var rows []string
	r.inside(func(a *app) {
		t := a.tab()
		for i, row := range t.rows {
			s := row.object.Ref.String()
			if t.marks[row.object.Ref] {
				s = "*" + s
			}
			if i == t.index {
				s = ">" + s
			}
			rows = append(rows, s)
		}
	})
	return rows
}

// cursor is the ref under the cursor.
func (r *rig) cursor() string {
	for _, s := range r.rows() {
		if rest, ok := strings.CutPrefix(s, ">"); ok {
			return strings.TrimPrefix(rest, "*")
		}
	}
	return ""
}

// tabName is the text of a kind's tab in the bar of tabs: "5 Sockets".
func (r *rig) tabName(k schema.Kind) string {
	i := r.app.tabOf(k) // the tabs never change
	return fmt.Sprint(r.app.tabKey(i), " ", r.app.tabs[i].view.Title())
}

// toTab goes to the tab of a kind, and waits until the tab is read and drawn.
func (r *rig) toTab(k schema.Kind) {
	r.t.Helper()
	r.press(r.tabName(k)[:1])
	r.waitUntil("the tab to be drawn", func(s state) bool { return s.read })
}
