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

// patience is how long a test waits for what has to happen.
const patience = 30 * time.Second

// rig is the dashboard on a simulated screen, with a real collector behind it.
type rig struct {
	t      testing.TB
	app    *app
	screen *glass
	source *recorder
	done   chan error
	cancel context.CancelFunc

	pressed int
}

// state is what tests wait for besides the text on the screen.
type state struct {
	handled     int // keys
	index, rows int
	read, held  bool
	heldLook    string // the first finding of a look that is held back
	busy        bool
}

// recorder is a Sampler that remembers what was demanded of it.
type recorder struct {
	*collect.Sampler
	mu       sync.Mutex
	demanded []collect.Request
	often    bool // look at what is watched as often as can be
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

// clock is the time on machines made of files.
func clock() time.Time { return time.Unix(collecttest.Boot+86400, 0).UTC() }

// open shows the dashboard for the machine below root ("": the live one). It is refreshed only on demand: by Ctrl-R.
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
	r := &rig{t: t, screen: newGlass(), done: make(chan error, 1)}
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
		return r.app.suit(s)
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

// watch counts the keys and remembers the app's state whenever the screen was drawn.
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

// press sends keys as bindings spell them and returns when they have been handled and the screen was drawn.
func (r *rig) press(keys ...string) {
	r.t.Helper()
	for _, key := range keys {
		r.screen.InjectKey(inject(r.t, key))
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

// inject is the key as SimulationScreen takes it.
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
	r.screen.InjectMouse(x, y, tcell.Button1, tcell.ModNone)
	r.screen.InjectMouse(x, y, tcell.ButtonNone, tcell.ModNone)
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

// resize gives the screen another size, as a terminal does.
func (r *rig) resize(w, h int) {
	r.t.Helper()
	r.screen.hold(r.t)
	r.screen.look() // until it is drawn anew
	r.screen.SetSize(w, h)
	r.screen.release()
	r.announceSize(w, h)
}

func (r *rig) announceSize(w, h int) {
	if err := r.screen.PostEvent(tcell.NewEventResize(w, h)); err != nil {
		r.t.Error(err)
	}
}

// now is the screen as it was last drawn.
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

// wait looks at every screen that is drawn: the only barrier that a simulated screen has.
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

// rows are the refs of the current tab's rows, in order; a "*" stands before marked ones, ">" before the one under
// the cursor.
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

// tabName is what the bar of tabs says for the tab of a kind: "5 Sockets".
func (r *rig) tabName(k schema.Kind) string {
	i := r.app.tabOf(k) // The tabs are the same from the start to the end.
	return fmt.Sprint(r.app.tabKey(i), " ", r.app.tabs[i].view.Title())
}

// toTab goes to the tab that shows a kind and waits until it is read.
func (r *rig) toTab(k schema.Kind) {
	r.t.Helper()
	r.press(r.tabName(k)[:1])
	r.waitUntil("the tab to be drawn", func(s state) bool { return s.read })
}
