package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// sayUnseen tells on stderr what is missing. JSON has its own place for faults and notes.
func sayUnseen(stderr io.Writer, output string, snap *collect.Snapshot) {
	if output == "json" {
		return
	}
	sayFaults(stderr, snap.Faults)
	for _, note := range snap.Notes {
		fmt.Fprintf(stderr, "ipctop: note: %s\n", views.Visible(note))
	}
}

func sayFaults(stderr io.Writer, faults []schema.Fault) {
	for _, fault := range faults {
		fmt.Fprintf(stderr, "ipctop: %s: %s\n", fault.Source, views.Visible(fault.Says))
	}
}

// sayUndecided tells on stderr how many rows --where could not decide, and returns their number.
func sayUndecided(stderr io.Writer, where *views.Where) int {
	if where == nil {
		return 0
	}
	rows, columns := where.Undecided()
	if rows > 0 {
		fmt.Fprintf(stderr, "ipctop: --where: %d rows were left out because %s could not be read for them\n", rows,
			strings.Join(columns, ", "))
	}
	return rows
}

// sayLeftOut tells on stderr how many usual rows a table leaves out. If findings were looked for, it also tells if no
// thread is stuck.
func sayLeftOut(stderr io.Writer, output string, snap *collect.Snapshot, sections []once.Section) {
	for i := range sections {
		s := &sections[i]
		if output != "table" || !s.Mechanism.Quiet || s.Where != nil {
			continue
		}
		if s.Mechanism.Kind == schema.Wait && snap.Request.Findings &&
			!slices.ContainsFunc(s.Rows, s.Mechanism.Alarm) {
			fmt.Fprintln(stderr, "ipctop: note: "+nothingStuck(waitWarnings(snap.Findings), len(snap.Faults) > 0))
		}
		if n := len(snap.Objects[s.Mechanism.Kind]) - len(s.Rows); n > 0 {
			fmt.Fprintf(stderr, "ipctop: note: %d %s that are usual on every machine are left out: "+
				"--where true shows them\n", n,
				s.Mechanism.Family)
		}
	}
}

// nothingStuck says that no row is stuck. It never says so over a warning: "possible deadlock".
func nothingStuck(warnings []schema.Finding, unread bool) string {
	var names []string
	for _, f := range warnings {
		if name, _, _ := strings.Cut(f.Says, ": "); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	says, more := "nothing of what could be seen is stuck", ", but what could not be read may be: see above"
	if len(names) > 0 {
		says = fmt.Sprintf("no thread is proved to be stuck, but there %s: %s",
			schema.Plural(len(warnings), "is a warning", "are warnings"), views.Visible(strings.Join(names, ", ")))
		more = "; what could not be read may hide more: see above"
	}
	if unread {
		says += more
	}
	return says
}

// waitWarnings are the findings about waits that a person should act on: what is stuck, or may be.
func waitWarnings(findings []schema.Finding) []schema.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f schema.Finding) bool {
		return f.Severity == schema.Info || f.Kind == leaks.FindingKind
	})
}

// look is what decides the exit code of a snapshot.
type look struct {
	alarms   int  // what --exit-code asks for, and the snapshot has
	strict   bool // --exit-code was given
	unknown  int  // rows that --where could not decide, and objects without a verdict that could be orphans
	inJSON   bool // stderr has not told the faults yet
	hiding   []schema.Fault
	toStderr io.Writer
}

// exit is the exit code. With --exit-code, alarms are a failure, and a fault that may hide an alarm is never success.
// Without --exit-code a missing right is no failure of the program, but another error is: the output is then a part.
func (l *look) exit() error {
	failed := slices.ContainsFunc(l.hiding, func(f schema.Fault) bool { return f.Failed })
	switch {
	case l.strict && l.alarms > 0:
		return &exitError{code: exitFailed}
	case failed || l.strict && (len(l.hiding) > 0 || l.unknown > 0):
		if l.inJSON {
			sayFaults(l.toStderr, l.hiding)
		}
		return &exitError{code: exitPartly}
	}
	return nil
}

// mechanismsIn lists the mechanisms of the sections.
func mechanismsIn(sections []once.Section) []*kinds.Mechanism {
	mechs := make([]*kinds.Mechanism, len(sections))
	for i := range sections {
		mechs[i] = sections[i].Mechanism
	}
	return mechs
}
