package actions

import (
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// Verbs lists everything that can be done to objects, in the order of the dashboard's keys. The commands, the keys and
// the menus come from this list: a new verb is a file of its own and a line here.
func Verbs() []Verb { return []Verb{signalVerb(), removeVerb()} }

// Verb is something that can be done to objects. It is an immutable value.
type Verb struct {
	Name  string // the command: "rm"
	Title string // the deed in a word, for a key and the plan's title: "Remove"
	Done  string // what the object is afterwards: "removed"

	Short, Long, Example string // the command's help

	Keys string // the dashboard's, of which the footer names the first: "F8 Ctrl-D"
	// Hint is the help of the keys: on the page of an object of a kind or, with marks, in a table of these.
	Hint func(k schema.Kind, marks bool) string

	// Kinds tells the kinds whose objects it can be done to; nil: all of them.
	Kinds func(schema.Kind) bool
	// Chosen tells the kinds among which --where chooses; nil: as Kinds.
	Chosen func(schema.Kind) bool
	// Instead says of an object of another kind what to do with that; nil where Kinds is.
	Instead func(schema.Ref) string

	// Begin starts one use of the verb.
	Begin func() *Use
}

// Use is one use of a verb: it is told its options, then it plans.
type Use struct {
	Takes []Option
	Plan  func(*Planner, []schema.Ref) (*Plan, error)
	// Whom says whom it is done to, with the objects in words: "to the holders of pipe:8841". nil where it takes nothing.
	Whom func(refs []schema.Ref, objects string) string
}

// Option is what a verb is told besides the objects: a word before them or a flag, and a menu.
type Option struct {
	Name string // the flag without dashes; of a word: what it is called
	Word string // how usage lines call it, where it stands before the objects and has to be said: "SIG"; "": it is a flag
	Help string // of the flag, before its choices
	List string // help of the flag --list, which prints the choices of a word; "": there is none

	Choices []Choice
	Default string // what a flag is unless said; where a menu begins
	// Set takes a choice's Value, or what a person wrote for one.
	Set func(string) error

	// Of tells the kinds to whose objects it makes a difference; nil: to all.
	Of func(schema.Kind) bool
	// Idle says what to do where it was said and no object is of such a kind.
	Idle string

	Title string // of the menu that lists a word's choices, or of the key
	Key   string // which takes the next choice of a flag, in that menu
	Hint  string // help of the key
}

// Choice is one of those that an Option has.
type Choice struct {
	Value  string // as a command line has it: "TERM"
	Number int    // of it, for those who know it by that; 0: there is none
	Label  string // in full: "SIGTERM"
	Says   string // what it means
}

// Does says whether the verb can be done to objects of a kind.
func (v *Verb) Does(k schema.Kind) bool { return v.Kinds == nil || v.Kinds(k) }

// Chooses says whether --where chooses among objects of a kind.
func (v *Verb) Chooses(k schema.Kind) bool {
	if v.Chosen == nil {
		return v.Does(k)
	}
	return v.Chosen(k)
}

// Matters says whether the option makes a difference to objects of a kind.
func (o *Option) Matters(k schema.Kind) bool { return o.Of == nil || o.Of(k) }

// Values are what the choices are called on a command line.
func (o *Option) Values() []string {
	var all []string
	for _, c := range o.Choices {
		all = append(all, c.Value)
	}
	return all
}

// eachVerb joins one word of every verb, in the order of the alphabet.
func eachVerb(sep string, word func(*Verb) string) string {
	var words []string
	for _, v := range Verbs() {
		words = append(words, word(&v))
	}
	slices.Sort(words)
	return strings.Join(words, sep)
}
