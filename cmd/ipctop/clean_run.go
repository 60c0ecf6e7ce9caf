package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// cleaning is one run of ipctop clean.
//
//	one look ─► orphans ─► Planner.Clean ─► printed, or with --yes done, each after one more look ─► sum ─► exit code
type cleaning struct {
	*verbRun
	said     *cleanCmd
	look     *onceFlags
	mechs    []*kinds.Mechanism
	sections []once.Section
	where    *views.Where
	blind    bool // objects could not be judged or read
}

// run looks, plans, and with --yes removes. command is the command that does it.
func (c *cleaning) run(req collect.Request, command string) error {
	snap := collect.New(c.host, time.Now, c.settings...).Take(req)
	for i := range c.sections {
		c.sections[i].Rows = c.sections[i].Table.Rows(snap)
	}
	orphans, err := c.choose(snap)
	if err != nil {
		return err
	}
	out := c.cmd.OutOrStdout()
	refs := orphans.Refs()
	if len(refs) == 0 {
		line := "Nothing to clean: there is no such orphan among " + orphans.LookedAt()
		if n := orphans.Suspects(); n > 0 {
			line += fmt.Sprintf("; %d suspect: ipctop leaks tells why", n)
		}
		return c.exit(writeLines(out, []string{line}))
	}
	plan, err := c.planner.Clean(refs)
	if err != nil {
		return err
	}
	defer plan.Close()
	if plan, err = c.stillMatching(plan, c.mechs); err != nil {
		return err
	}
	dry, most := c.dryRun || !c.yes, c.said.most
	tooMany := most > 0 && len(plan.Steps) > most
	if dry {
		if err := writeLines(out, c.preview(plan, orphans, command, tooMany)); err != nil {
			return err
		}
		c.sayRefused(plan.Refused)
	}
	switch {
	case tooMany:
		return &exitError{code: exitFailed, err: fmt.Errorf("nothing was removed: %s would go, more than --max %d: "+
			"look at them without --yes, narrow the choice, or raise --max", schema.Counted(len(plan.Steps), "orphan"),
			most)}
	case dry:
		return c.exit(outcome(len(plan.Steps), len(plan.Refused)))
	}
	c.brief = func(p *actions.Plan) []string { return c.text(p, orphans) }
	var done []schema.Ref
	c.done = func(r schema.Ref) { done = append(done, r) }
	err = c.perform(plan)
	if len(done) > 0 {
		says := "Removed " + schema.Counted(len(done), "object") + "."
		if gain := orphans.Only(done).Gain(); gain != "" {
			says += " Won: " + gain
		}
		if wrote := writeLines(out, []string{says}); wrote != nil && err == nil {
			err = wrote
		}
	}
	return c.exit(err)
}

// choose lists the orphans to remove. An ordinary user gets his own, unless he names an owner. It tells on stderr how
// many he leaves, and what could not be judged.
func (c *cleaning) choose(snap *collect.Snapshot) (*once.Orphans, error) {
	stderr := c.cmd.ErrOrStderr()
	mine := func(*views.Leak) bool { return true }
	if uid := sys.EffectiveUID(); uid != 0 && len(*c.said.of["owner"]) == 0 {
		mine = func(l *views.Leak) bool { return l.OwnedBy(uint32(uid)) }
	}
	others := 0
	orphans := once.OrphansIn(snap, c.sections, views.Format{Now: snap.Taken}, func(l *views.Leak) bool {
		if !mine(l) {
			others++
			return false
		}
		return true
	})
	sayUnseen(stderr, c.look.output, snap)
	if others > 0 {
		fmt.Fprintf(stderr, "ipctop: note: %s of others %s left: root or the owner may remove %s\n",
			schema.Counted(others, "orphan"), schema.Plural(others, "is", "are"), schema.Plural(others, "it", "them"))
	}
	unjudged, err := c.look.unjudged(snap, c.sections)
	if err != nil {
		return nil, err
	}
	unjudged = slices.DeleteFunc(unjudged, func(o *schema.Object) bool { return !mine(&views.Leak{Object: o}) })
	sayUnjudged(stderr, unjudged)
	failed := slices.ContainsFunc(snap.Hiding(c.mechs, true), func(f schema.Fault) bool { return f.Failed })
	c.blind = sayUndecided(stderr, c.where) > 0 || len(unjudged) > 0 || failed
	return orphans, nil
}

// exit adds to the end of a run that it may have left orphans: then it was done in part.
func (c *cleaning) exit(err error) error {
	if err == nil && c.blind {
		return &exitError{code: exitPartly}
	}
	return err
}

// preview is the text of a run that removes nothing.
func (c *cleaning) preview(plan *actions.Plan, orphans *once.Orphans, command string, tooMany bool) []string {
	lines := c.text(plan, orphans)
	for _, r := range plan.Refused {
		lines = append(lines, "refused: "+r.String())
	}
	if len(plan.Steps) == 0 {
		return lines
	}
	if gain := orphans.Only(refsOf(plan)).Gain(); gain != "" {
		lines = append(lines, "To be won: "+gain)
	}
	if tooMany {
		return lines
	}
	return append(lines, "Nothing was removed. To remove "+schema.Plural(len(plan.Steps), "it", "them")+": "+command)
}

// fewSteps is the most steps of a plan that are written one by one.
const fewSteps = 10

// text is the plan without its refusals: its steps, or their sums if there are many.
func (c *cleaning) text(plan *actions.Plan, orphans *once.Orphans) []string {
	if c.said.by == "" && len(plan.Steps) <= fewSteps {
		return plan.Agenda()
	}
	lines := []string{plan.Title}
	switch planned := orphans.Only(refsOf(plan)); {
	case c.said.by != "":
		lines = planned.Sums(c.said.by)
	default:
		lines = append(lines, planned.Folded()...)
	}
	lines = append(lines, unsaved(plan)...)
	for _, n := range plan.Notes {
		lines = append(lines, "note: "+n)
	}
	return lines
}

// unsaved counts what undo cannot bring back, by reason.
func unsaved(plan *actions.Plan) (lines []string) {
	count := map[string]int{}
	var reasons []string
	for i := range plan.Steps {
		for _, why := range plan.Steps[i].Unsaved {
			if count[why]++; count[why] == 1 {
				reasons = append(reasons, why)
			}
		}
	}
	for _, why := range reasons {
		lines = append(lines, fmt.Sprintf("not saved of %s: %s", schema.Counted(count[why], "object"), why))
	}
	return lines
}

// refsOf lists the objects of a plan's steps.
func refsOf(plan *actions.Plan) []schema.Ref {
	refs := make([]schema.Ref, len(plan.Steps))
	for i := range plan.Steps {
		refs[i] = plan.Steps[i].Ref
	}
	return refs
}
