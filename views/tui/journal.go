package tui

import (
	"fmt"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/views"
)

// undo shows the plan that makes the objects of the last plan again.
func undo(a *app) reaction {
	return a.plan("Undo", nil, func() (*actions.Plan, error) { return a.opts.Planner.Undo(0) })
}

// journal lists what was done with ipctop, the newest first. Enter shows the plan of a deed.
func journal(a *app) reaction {
	m := newMenu(a, "What was done", []item{{skip: true, spans: []span{{"reading …", a.theme.dim}}}})
	m.wide = true
	a.push(m)
	a.start(func() func() {
		log, err := a.opts.Planner.Log()
		return func() {
			m.foot = views.Visible(log.Path)
			m.set(a.deedItems(log, err))
		}
	})
	return nothing
}

func (a *app) deedItems(log actions.Log, err error) []item {
	text := func(says string, style tcell.Style) item { return item{skip: true, spans: []span{{says, style}}} }
	var items []item
	if err != nil {
		items = append(items, text(views.Visible(err.Error()), a.theme.bad))
	}
	for _, f := range log.Unread {
		items = append(items, text(views.Visible(f.Path+" is left out: "+f.Why), a.theme.warn))
	}
	if log.Broken > 0 {
		items = append(items, text(fmt.Sprintf("%d broken lines are left out: a full disk or a crash cut them off",
			log.Broken), a.theme.warn))
	}
	now := time.Now()
	for i := len(log.Deeds) - 1; i >= 0; i-- {
		d := &log.Deeds[i]
		style := a.theme.text
		if !d.Outcome.Good() {
			style = a.theme.warn
		}
		items = append(items, item{key: fmt.Sprint(d.PlanID, d.Step, d.Time.UnixNano()), spans: []span{
			{pad(views.Moment(d.Time, now), 11, false) + "  ", a.theme.dim},
			{pad(views.Visible(d.Who()), 10, false) + "  ", a.theme.text},
			{pad(views.Visible(string(d.Outcome)), 8, false) + "  ", style},
			{pad(views.Visible(d.Ref), 16, false) + "  ", a.theme.strong},
			{views.Visible(d.Title() + ": " + d.Says), a.theme.text},
		}, do: func(a *app) reaction { return showDeed(a, d) }})
	}
	if len(items) == 0 {
		items = append(items, text("Nothing was done with ipctop by this user.", a.theme.text))
	}
	return items
}

// showDeed shows one deed in full: the plan as it was shown, and how it ended.
func showDeed(a *app, d *actions.Deed) reaction {
	lines := []styled{{d.Time.Format(time.DateTime) + " by " + views.Visible(d.Who()), a.theme.text}}
	for _, says := range d.Plan {
		lines = append(lines, styled{views.Visible(says), a.theme.text})
	}
	style := a.theme.strong
	if !d.Outcome.Good() {
		style = a.theme.warn
	}
	lines = append(lines, styled{views.Visible(string(d.Outcome) + ": " + d.Says), style})
	m := newMenu(a, views.Visible(d.Ref), nil)
	m.wide = true
	m.fit = func(width int) []item {
		var items []item
		for _, l := range lines {
			for _, part := range wrap(l.text, width) {
				items = append(items, item{skip: true, spans: []span{{part, l.style}}})
			}
		}
		return items
	}
	a.push(m)
	return nothing
}
