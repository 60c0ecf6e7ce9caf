package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

// Every room draws on every size, down to 0 × 0.
func TestSizes(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	for _, size := range [][2]int{{80, 24}, {40, 10}, {250, 20}, {60, 70}, {20, 5}, {3, 2}, {1, 1}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			r := openRig(t, m.Root, 80, 24, func(o *Options) { o.Planner = planner(t) })
			r.resize(size[0], size[1])
			r.waitFor("the new size",
				func(s string) bool { return r.width(s) == size[0] && strings.Count(s, "\n") == size[1] })
			for i := range r.app.tabs {
				r.press(r.app.tabKey(i), "?", "Esc", "Enter", "?", "Esc", "Right", "Down", "y", "Esc", "F9", "Tab",
					"Esc", "Esc",
					"Ctrl-W", "End", "!", "Esc", "/", "Esc", "F4", "x", "Enter", "Esc", "Ctrl-W", "w", "Esc")
			}
		})
	}
}

// Black text stands only on a painted background: on the background of a dark terminal it would be invisible.
func TestTextIsLegible(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.Sample(t).Root, 100, 30, nil)
	for i := range r.app.tabs {
		r.press(r.app.tabKey(i), "Space", "Enter", "Esc")
		r.inside(func(*app) {
			w, h := r.screen.Size()
			for y := range h {
				for x := range w {
					text, style, _ := r.screen.below.Get(x, y)
					if fg, bg,
						_ := style.Decompose(); text != " " && fg == tcell.ColorBlack && bg == tcell.ColorDefault {
						t.Errorf("tab %d: %q at %d,%d is black on the terminal's own background", i+1, text, x, y)
						return
					}
				}
			}
		})
	}
}

func TestResizing(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Proc, 120, 40)
	r.see("COMMAND", "F1Help")
	r.resize(40, 10)
	r.waitFor("the small screen", func(s string) bool { return r.width(s) == 40 })
	r.see("PID", "F1Help", " Process")
	r.resize(120, 40)
	r.see("COMMAND")
}

// Without colour no cell has a colour, and characters carry the meaning.
func TestNoColor(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.Sample(t).Root, 100, 30, func(o *Options) { o.NoColor = true })
	r.toTab(schema.Shm)
	r.press("Space", "S")
	r.see("["+r.tabName(schema.Shm)+"]", "* shm:", "SIZE▼")
	r.inside(func(*app) {
		w, h := r.screen.Size()
		for y := range h {
			for x := range w {
				_, style, _ := r.screen.below.Get(x, y)
				if fg, bg, _ := style.Decompose(); fg != tcell.ColorDefault || bg != tcell.ColorDefault {
					t.Errorf("cell %d,%d has colours %v on %v", x, y, fg, bg)
					return
				}
			}
		}
	})
}

func TestQuit(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"q", "F10", "Ctrl-C"} {
		r := openRig(t, collecttest.Sample(t).Root, 80, 24, nil)
		r.screen.below.InjectKey(inject(t, key))
		select {
		case err := <-r.done:
			r.done <- err
			if err != nil {
				t.Errorf("%s: %v", key, err)
			}
		case <-time.After(patience):
			t.Fatalf("%s does not quit", key)
		}
	}
}

func TestEndOfContextEndsIt(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.Sample(t).Root, 80, 24, nil)
	r.cancel()
	err := <-r.done
	r.done <- err
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
}

// After a panic anywhere the dashboard ends in order. The error has the stack.
func TestPanics(t *testing.T) {
	t.Parallel()
	blow := func() { panic("blown up by a test") }
	for name, set := range map[string]func(*rig){
		"in the UI":     func(r *rig) { r.app.later(blow) },
		"in the worker": func(r *rig) { r.app.start(func() func() { blow(); return nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			r := openRig(t, collecttest.Sample(t).Root, 80, 24, nil)
			set(r)
			expectCrash(t, r)
		})
	}
	t.Run("in the sampler", func(t *testing.T) {
		arm := make(chan struct{})
		r := openRig(t, collecttest.Sample(t).Root, 80, 24, func(o *Options) {
			sample := o.Sample
			o.Sample = func(ctx context.Context) {
				go sample(ctx)
				<-arm
				blow()
			}
		})
		close(arm)
		expectCrash(t, r)
	})
}

func expectCrash(t *testing.T, r *rig) {
	t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		if err == nil || !strings.Contains(err.Error(), "blown up by a test") || !strings.Contains(err.Error(),
			"look_test.go") {
			t.Errorf("Run returned %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the dashboard goes on")
	}
}

// Important columns stand on an ordinary terminal without sideways scrolling.
func TestImportantColumnsComeFirst(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.Sample(t).Root, 80, 24, nil)
	for kind, headings := range map[schema.Kind][]string{
		schema.Msg:  {"OWNER", "WAITERS"},
		schema.Sem:  {"OWNER", "WAITERS"},
		schema.Shm:  {"SIZE", "NATTCH", "STATUS", "CREATOR", "HOLDERS"},
		schema.Pipe: {"STATUS", "READERS", "WRITERS", "WAITERS"},
		schema.Unix: {"STATE", "HOLDERS"},
		schema.Lock: {"PID", "HOLDERS", "WAITERS"},
	} {
		r.toTab(kind)
		r.see(append(headings, "["+r.tabName(kind)+"]")...)
	}
	r.toTab(schema.Shm)
	r.see("200/appd")
}
