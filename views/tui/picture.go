package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
)

// Pose is the state of the dashboard for a picture.
type Pose struct {
	Width, Height int
	Keys          []string // pressed one after another, in the spelling of bindings: "3", "Enter"
	Until         string   // the picture is taken when this text stands on the screen
	Patience      time.Duration
}

// Picture runs the dashboard on a screen in memory, presses the pose's keys and returns the screen as SVG. It fails if
// Until does not appear within Patience.
func Picture(ctx context.Context, opts Options, pose Pose) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pose.Patience)
	defer cancel()
	screen := tcell.NewSimulationScreen("UTF-8")
	opts.Screen = screen
	a := newApp(ctx, opts)
	sized, taken := false, ""
	a.tv.SetBeforeDrawFunc(func(s tcell.Screen) bool {
		if !sized {
			sized = true
			screen.SetSize(pose.Width, pose.Height)
			s.Sync()
		}
		return a.adaptColours(s)
	})
	keys := pose.Keys
	a.tv.SetAfterDrawFunc(func(s tcell.Screen) {
		w, h := s.Size()
		switch {
		case taken != "" || a.snap == nil || w != pose.Width || h != pose.Height:
		case len(keys) > 0:
			ev := keyEvent(keys[0])
			keys = keys[1:]
			if ev != nil {
				screen.InjectKey(ev.Key(), ev.Rune(), ev.Modifiers())
			}
		case strings.Contains(textOf(s), pose.Until):
			taken = svg(s)
			screen.InjectKey(tcell.KeyCtrlC, 0, tcell.ModCtrl)
		}
	})
	err := a.run(ctx)
	if taken == "" {
		return "", fmt.Errorf("wait for %q on the screen: %w", pose.Until, errors.Join(err, ctx.Err()))
	}
	return taken, nil
}

// textOf returns the text on a screen, line by line.
func textOf(s tcell.Screen) string {
	var b strings.Builder
	w, h := s.Size()
	for y := range h {
		for x := range w {
			text, _, _ := s.Get(x, y)
			b.WriteString(text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
