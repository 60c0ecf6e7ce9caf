package tui

import (
	"context"
	"fmt"
	"slices"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// planRoom shows a plan, asks, runs the plan and shows the results. The plan's objects do not change after the room is
// open.
type planRoom struct {
	list
	app    *app
	title  string
	meant  []string // see aim
	stage  stage
	plan   *actions.Plan
	text   []styled
	live   []int // steps that need a typed id, in order
	done   int   // steps that are done
	typedN int   // number of those steps that are answered
	agreed map[int]bool
	field  *tview.InputField
	wrong  string
	stop   context.CancelFunc // ends a running plan
	left   bool               // the room is closed
}

// stage is the progress of a plan.
type stage int

const (
	planning stage = iota
	typing         // waits for the ids of live objects
	asking         // waits for a yes
	running
	finished
)

// styled is a line of text before it is wrapped.
type styled struct {
	text  string
	style tcell.Style
}

func newPlanRoom(a *app, title string, meant []string) *planRoom {
	d := &planRoom{list: newList(&a.theme), app: a, title: title, meant: meant, agreed: map[int]bool{},
		field: tview.NewInputField()}
	d.say("looking at who would be affected …", a.theme.dim)
	return d
}

func (d *planRoom) say(text string, style tcell.Style) {
	d.text = append(d.text, styled{views.Visible(text), style})
}

// leave releases what the plan holds, unless the plan still runs.
func (d *planRoom) leave() {
	d.left = true
	if d.plan != nil && d.stage != running {
		d.plan.Close()
	}
}

// made takes the finished plan.
func (d *planRoom) made(plan *actions.Plan, err error) {
	if d.left && plan != nil {
		plan.Close()
	}
	th := d.theme
	d.text, d.plan = nil, plan
	if err != nil {
		d.stage = finished
		d.say(err.Error(), th.bad)
		return
	}
	d.title = views.Visible(plan.Title)
	if n := len(plan.Refused); n > 0 {
		d.title += fmt.Sprintf(", %d refused", n)
	}
	for _, line := range d.meant {
		d.say(line, th.warn)
	}
	if len(plan.Steps) > 0 {
		d.say(plan.Victims(5), th.victim)
		d.say("", th.text)
	}
	for i, line := range plan.Lines() {
		if i > 0 { // the first line is the title
			d.say(line, th.text)
		}
	}
	for i := range plan.Steps {
		if plan.Steps[i].Confirm != "" {
			d.live = append(d.live, i)
		}
	}
	d.next()
}

// next asks for the next id, then for a yes, and then runs the plan.
func (d *planRoom) next() {
	switch {
	case len(d.plan.Steps) == 0:
		d.stage = finished
	case d.typedN < len(d.live):
		d.stage = typing
		d.field.SetText("")
	case len(d.live) == 0:
		d.stage = asking
	case len(d.agreed) == 0 && len(d.live) == len(d.plan.Steps):
		d.stage = finished
		d.say("Nothing was done.", d.theme.strong)
	case len(d.live) < len(d.plan.Steps):
		d.stage = asking
	default:
		d.run()
	}
}

// answer takes the typed text for a live object. The right id confirms the step; an empty text leaves the step out.
func (d *planRoom) answer(*app) reaction {
	i := d.live[d.typedN]
	text, step := d.field.GetText(), &d.plan.Steps[i]
	switch text {
	case views.Visible(step.Confirm): // a name may hold bytes that a person cannot type
		d.agreed[i] = true
	case "":
	default:
		d.wrong = fmt.Sprintf("that is not %s: type it, or nothing to leave the object alone",
			views.Visible(step.Confirm))
		d.field.SetText("")
		return nothing
	}
	d.wrong = ""
	d.typedN++
	d.next()
	return nothing
}

// run runs the confirmed steps on a new goroutine.
func (d *planRoom) run() {
	d.stage = running
	var agreed []schema.Ref
	for i := range d.plan.Steps {
		if d.agreed[i] || !slices.Contains(d.live, i) {
			agreed = append(agreed, d.plan.Steps[i].Ref)
		}
	}
	plan := d.plan.Only(func(s *actions.Step) bool { return slices.Contains(agreed, s.Ref) }, "its id was not typed")
	d.text = nil
	d.title = views.Visible(plan.Title)
	for _, r := range plan.Refused {
		d.say("left alone: "+r.String(), d.theme.dim)
	}
	if says := plan.Pause(); says != "" {
		d.say(says+"; Esc leaves the rest undone", d.theme.dim)
	}
	a := d.app
	ctx, stop := context.WithCancel(a.work.ctx)
	d.stop = stop
	a.start(func() func() {
		defer stop()
		err := plan.Run(ctx, func(r actions.Result) { a.later(func() { d.result(r) }) })
		return func() { d.ran(err) }
	})
}

func (d *planRoom) result(r actions.Result) {
	style := d.theme.strong
	switch r.Outcome {
	case actions.Unneeded:
	case actions.Done:
		d.done++
		for _, t := range d.app.tabs {
			delete(t.marks, r.Step.Ref)
		}
	default:
		style = d.theme.bad
	}
	d.say(fmt.Sprintf("%s: %s", r.Outcome, r), style)
}

func (d *planRoom) ran(err error) {
	d.stage = finished
	d.plan.Close()
	if n := len(d.plan.Steps); n > 5 {
		d.say(fmt.Sprintf("%d done, %d not", d.done, n-d.done), d.theme.strong)
	}
	if err != nil {
		d.say(err.Error(), d.theme.bad)
	}
	d.app.source.Now()
}
