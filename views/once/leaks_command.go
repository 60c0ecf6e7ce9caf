package once

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// Removal holds the choices of a look at leaks. A command of ipctop rm with the same choices finds the same orphans.
type Removal struct {
	Grace         string        // text of --grace; "": the usual grace time
	AllNamespaces bool          // -A
	Kinds         []schema.Kind // nil: every kind with a verdict
	Where         string        // the person's own --where; "": none
}

// command returns the command that removes the orphans of the look for which all conditions hold.
func (r *Removal) command(conditions ...string) string {
	all := append([]string{`verdict == "orphan"`}, conditions...)
	if len(r.Kinds) > 0 && len(conditions) == 0 { // conditions name the kind
		all = append(all, oneOf("kind", r.Kinds))
	}
	if r.Where != "" {
		all = append(all, "("+r.Where+")")
	}
	words := "ipctop rm --where " + schema.ShellQuote(strings.Join(all, " and "))
	if r.Grace != "" {
		words += " --grace " + schema.ShellQuote(r.Grace)
	}
	if r.AllNamespaces {
		words += " -A"
	}
	return words
}

// oneOf is the condition that a column has one of these texts.
func oneOf[T ~string](column string, texts []T) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = strconv.Quote(string(text))
	}
	if len(quoted) == 1 {
		return column + " == " + quoted[0]
	}
	return column + " in [" + strings.Join(quoted, ", ") + "]"
}

// writeRemoval writes the command that removes all orphans. A single orphan has its command already. An ordinary user
// removes his own objects; those of others are for root, who has a command of its own.
func writeRemoval(w *bufio.Writer, sections []Section, o Options) {
	if o.Removal == nil || o.NoHeadings {
		return
	}
	var own, others []views.Leak
	for _, r := range o.orphans {
		if o.mayRemove(&r) {
			own = append(own, r)
		} else {
			others = append(others, r)
		}
	}
	whose := ""
	if len(others) > 0 {
		whose = " of your own"
	}
	if command, ok := o.commandFor(own, sections); ok && len(own) > 1 {
		fmt.Fprintf(w, "To remove these %d orphans%s, after a plan and a question: %s\n", len(own), whose,
			views.Visible(command))
	}
	switch command, ok := o.commandFor(others, sections); {
	case len(others) < 2:
	case ok:
		fmt.Fprintf(w, "To remove these %d orphans of others as root, after a plan and a question: %s\n", len(others),
			views.Visible(command))
	default:
		fmt.Fprintf(w, "To remove these %d orphans of others, run ipctop leaks as root: with its rights there may be "+
			"more\n", len(others))
	}
}

// mayRemove is true if the person may remove an object without root's rights.
func (o *Options) mayRemove(r *views.Leak) bool { return o.User == nil || r.OwnedBy(*o.User) }

// commandFor returns the command that removes these orphans, and no other orphan of the look. With root's rights more
// objects are orphans than an ordinary user sees, so a command for root names each object. ok is false if there is no
// such command, or if it would be long.
func (o *Options) commandFor(group []views.Leak, sections []Section) (command string, ok bool) {
	if len(group) == 0 {
		return "", false
	}
	if !slices.ContainsFunc(group, func(r views.Leak) bool { return !o.mayRemove(&r) }) {
		if len(group) == len(o.orphans) {
			return o.Removal.command(), true
		}
		for _, f := range []*fold{foldLike(group[0], sections), o.foldByOwner(group, sections)} {
			if o.isExactly(f, group) {
				return o.Removal.command(f.conditions...), true
			}
		}
	}
	if len(group) > mostRefs {
		return "", false
	}
	var refs []string
	for _, r := range group {
		ref := r.Object.Ref.String()
		if !utf8.ValidString(ref) { // the language of --where cannot write it
			return "", false
		}
		refs = append(refs, ref)
	}
	return o.Removal.command(oneOf("ref", refs)), true
}

// fold chooses some orphans: those whose cells are equal to the texts of its conditions.
type fold struct {
	conditions []string
	holds      func(views.Leak) bool
}

// isExactly is true if the fold chooses these orphans of the look, and no others.
func (o *Options) isExactly(f *fold, group []views.Leak) bool {
	return f != nil && countLeaks(group, f.holds) == len(group) && countLeaks(o.orphans, f.holds) == len(group)
}

func countLeaks(rows []views.Leak, is func(views.Leak) bool) (n int) {
	for _, r := range rows {
		if is(r) {
			n++
		}
	}
	return n
}

// foldLike chooses the orphans that are alike one. nil: no condition can choose it.
func foldLike(l views.Leak, sections []Section) *fold {
	conditions, ok := foldConditions(l, columnsOf(sections, l.Object.Ref.Kind))
	if !ok {
		return nil
	}
	return &fold{conditions, func(r views.Leak) bool {
		of, ok := foldConditions(r, columnsOf(sections, r.Object.Ref.Kind))
		return ok && slices.Equal(of, conditions)
	}}
}

// foldByOwner chooses the orphans with the same owners as a group. nil: an owner is not known.
func (o *Options) foldByOwner(group []views.Leak, sections []Section) *fold {
	var owners []string
	for _, r := range group {
		v, ok := cellOf(r, sections, "owner")
		if !ok {
			return nil
		}
		if !slices.Contains(owners, v.Str()) {
			owners = append(owners, v.Str())
		}
	}
	conditions := []string{oneOf("owner", owners)}
	if len(o.Removal.Kinds) > 0 {
		conditions = append(conditions, oneOf("kind", o.Removal.Kinds))
	}
	return &fold{conditions, func(r views.Leak) bool {
		v, ok := cellOf(r, sections, "owner")
		return ok && slices.Contains(owners, v.Str())
	}}
}

// foldColumns are the columns whose cells the orphans of a fold share, besides the kind. The last is there with -A
// only.
func foldColumns() []string { return []string{"owner", "app", "ns"} }

// foldConditions returns the conditions of --where that hold for the orphans of a fold only. ok is false if no
// condition can choose the object, because a cell is unknown or not UTF-8.
func foldConditions(l views.Leak, columns []schema.Column) (conditions []string, ok bool) {
	conditions = []string{"kind == " + strconv.Quote(string(l.Object.Ref.Kind))}
	for _, id := range foldColumns() {
		for i := range columns {
			if columns[i].ID != id {
				continue
			}
			switch v := columns[i].Get(l.Object); {
			case v.IsKnown() && v.Type() == schema.TypeString && !utf8.ValidString(v.Str()):
				return nil, false
			case v.IsKnown() && v.Type() == schema.TypeString:
				conditions = append(conditions, id+" == "+strconv.Quote(v.Str()))
			case v.IsKnown():
				conditions = append(conditions, id+" == "+views.Text(v, views.Format{Bytes: true}))
			case v.State() == schema.Absent && columns[i].Type == schema.TypeString:
				conditions = append(conditions, id+` == ""`)
			default:
				return nil, false
			}
		}
	}
	return conditions, true
}
