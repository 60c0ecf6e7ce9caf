package tui

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/actions"
)

// Options are the inputs of the dashboard.
type Options struct {
	Source   Source
	Sample   func(context.Context) // runs Source; nil: the caller runs it
	Interval time.Duration         // first interval of Source
	Grace    time.Duration         // of leak verdicts, as in a collect.Request

	Planner  *actions.Planner // nil: no changes are possible
	ReadOnly bool             // bindings that change the machine do not exist
	NoMouse  bool
	NoColor  bool

	Screen tcell.Screen // nil: the terminal
}

// Run shows the dashboard until the person quits (nil), ctx ends (its cause) or an error. It always restores the
// terminal, also after a panic in any of its goroutines. The error then has the panic's stack.
func Run(ctx context.Context, opts Options) error {
	ctx, cancel := context.WithCancel(ctx)
	a := newApp(ctx, opts)
	defer a.work.deed.Wait() // running deeds end, and stand in the journal
	defer cancel()
	return a.run(ctx)
}

func (a *app) run(ctx context.Context) error {
	if a.opts.Sample != nil {
		go a.guarded(func() { a.opts.Sample(ctx) })
	}
	// Run does not wait for the pump: QueueUpdate never returns after the application has stopped.
	go a.guarded(func() { a.pump(ctx) })
	a.watch()
	a.demand()
	screen := a.opts.Screen
	if screen == nil {
		terminal, err := openTerminal()
		if err != nil {
			return err
		}
		screen = terminal
	}
	a.tv.SetScreen(screen)
	a.tv.EnableMouse(!a.opts.NoMouse)
	a.tv.EnablePaste(true)
	err := a.loop()
	switch {
	case a.crash.get() != nil:
		return a.crash.get()
	case err != nil:
		return terminalError(err)
	}
	return context.Cause(ctx)
}

// openTerminal prepares the terminal of the program. It must be restored by Fini.
func openTerminal() (tcell.Screen, error) {
	screen, err := tcell.NewScreen()
	if err == nil {
		err = screen.Init()
	}
	if err != nil {
		return nil, terminalError(err)
	}
	return newCanvas(screen), nil
}

func terminalError(err error) error {
	if errors.Is(err, tcell.ErrNoCharset) {
		return fmt.Errorf("draw on the terminal: the character set of this locale is not supported: "+
			"set LC_ALL=C.UTF-8 (--once needs no locale): %w", err)
	}
	return fmt.Errorf("draw on the terminal (another TERM may help, --once needs none): %w", err)
}

// pump is the only way from other goroutines to the screen.
func (a *app) pump(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			a.tv.QueueUpdate(a.tv.Stop)
			return
		case s := <-a.source.Snapshots():
			a.tv.QueueUpdateDraw(func() { a.take(s) })
		case s := <-a.source.Watched():
			a.tv.QueueUpdateDraw(func() { a.look(s) })
		case f := <-a.work.post:
			a.tv.QueueUpdateDraw(f)
		}
	}
}

// crash is the first panic of any goroutine.
type crash struct {
	mu  sync.Mutex
	err error
}

func (c *crash) set(p any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = fmt.Errorf("a fault in ipctop itself: %v\n%s", p, debug.Stack())
	}
}

func (c *crash) get() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// guarded runs f. A panic ends the dashboard, which restores the terminal, and becomes Run's error.
func (a *app) guarded(f func()) {
	defer func() {
		if p := recover(); p != nil {
			a.crash.set(p)
			a.tv.QueueUpdate(a.tv.Stop)
		}
	}()
	f()
}

// loop is the UI goroutine. tview restores the terminal before it passes a panic on.
func (a *app) loop() error {
	defer func() {
		if p := recover(); p != nil {
			a.crash.set(p)
		}
	}()
	return a.tv.Run()
}
