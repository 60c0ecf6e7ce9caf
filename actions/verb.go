package actions

import (
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Verbs lists all deeds on objects, in the order of the dashboard's keys. Commands, keys and menus come from this list.
// A new verb is one file and one entry here.
func Verbs() []Verb { return []Verb{signalVerb(), removeVerb(), setVerb(), closeVerb()} }

// Verb is one deed on objects. It is an immutable value.
type Verb struct {
	Name  string // the command: "rm"
	Title string // one word for a key and for the plan's title: "Remove"
	Done  string // the state of the object afterwards: "removed"

	Short, Long, Example string // the command's help

	Keys string // keys of the dashboard; the footer names the first: "F8 Ctrl-D"
	// Hint is the help of the keys. Without marks it is for the page of an object of the kind. With marks it is for a
	// table of such objects.
	Hint func(k schema.Kind, marks bool) string

	// Kinds is true for a kind if the verb works on its objects. nil means all kinds.
	Kinds func(schema.Kind) bool
	// Chosen is true for a kind if --where chooses among its objects. nil means the same as Kinds.
	Chosen func(schema.Kind) bool
	// Can is true for an object that the verb works on. --where chooses no other. nil means all objects of the kinds.
	Can func(*schema.Object) bool
	// Lists returns the needs without which some objects of a kind are not listed. nil means none.
	Lists func(*kinds.Mechanism) schema.Need
	// Instead returns an alternative for an object of another kind. It is nil if Kinds is nil.
	Instead func(schema.Ref) string

	// Saves is true if the plan saves for undo what it takes away.
	Saves bool

	// Rows is true if Plan takes rows that stand for another object (kinds.Mechanism.Subject) as they are: waits.
	Rows bool

	// Begin starts one use of the verb.
	Begin func() *Use
}

// Use is one use of a verb: first it takes its options, then it plans.
type Use struct {
	Takes []Option
	Plan  func(*Planner, []schema.Ref) (*Plan, error)
	// Targets describes the targets; objects are the Refs in words: "to the holders of pipe:8841". nil if the verb
	// takes no option.
	Targets func(refs []schema.Ref, objects string) string
}

// Option is an input of a verb besides the objects. On a command line it is a word before them or a flag; in the
// dashboard it is a menu.
type Option struct {
	Name string // a flag without its dashes, or the name of a word
	Word string // name in usage lines of a required word before the objects: "SIG"; "" for a flag
	// Is is true for the arguments that are this word. They stand anywhere, once or more; Set takes them joined by
	// blanks. nil: the word is one argument before the objects.
	Is   func(arg string) bool
	Help string // help of the flag, before its choices
	List string // help of the flag --list, which prints the choices of a word; "" means no such flag

	Choices []Choice
	Default string // value of a flag that is not given; start of a menu
	// Free means that Set takes other texts than the choices, and its error tells which. The choices are for the
	// dashboard's key.
	Free bool
	// Names means that the value names processes, in place of REFs. The value is one word, and may be anything.
	Names bool
	With  string // name of the flag without which this flag means nothing; "": none
	// Set takes the Value of a choice, or a text that a person wrote.
	Set func(string) error

	// Of is true for a kind if the option matters to its objects. nil means all kinds.
	Of func(schema.Kind) bool
	// Strict is true for a kind whose objects take no choice but their own. nil means no kind.
	Strict func(schema.Kind) bool
	// Idle is the advice for an option that was given without any such object.
	Idle string

	Title string // of the menu with a word's choices, or of the key
	Key   string // takes the next choice of a flag, in that menu
	Hint  string // help of the key
}

// Choice is one choice of an Option.
type Choice struct {
	Value  string // text on a command line: "TERM"
	Number int    // another name for it; 0 means none
	Label  string // full name: "SIGTERM"
	Says   string // meaning
	// Of is true for a kind that has the choice. nil means every kind.
	Of func(schema.Kind) bool
}

// Does is true if the verb works on objects of a kind.
func (v *Verb) Does(k schema.Kind) bool { return v.Kinds == nil || v.Kinds(k) }

// Chooses is true if --where chooses among objects of a kind.
func (v *Verb) Chooses(k schema.Kind) bool {
	if v.Chosen == nil {
		return v.Does(k)
	}
	return v.Chosen(k)
}

// Matters is true if the option matters to objects of a kind.
func (o *Option) Matters(k schema.Kind) bool { return o.Of == nil || o.Of(k) }

// Values returns the choices as texts of a command line.
func (o *Option) Values() []string {
	var all []string
	for _, c := range o.Choices {
		all = append(all, c.Value)
	}
	return all
}

// Takes is true if a kind has the choice with this value.
func (o *Option) Takes(value string, k schema.Kind) bool {
	return len(o.Choices) == 0 || slices.ContainsFunc(o.Choices, func(c Choice) bool {
		return c.Value == value && (c.Of == nil || c.Of(k))
	})
}

// Label names a choice for a person.
func (o *Option) Label(value string) string {
	for _, c := range o.Choices {
		if c.Value == value && c.Label != "" {
			return c.Label
		}
	}
	return value
}

// ValuesFor returns the choices that one of the kinds has. If none has a choice, it returns all.
func (o *Option) ValuesFor(kinds []schema.Kind) []string {
	var some []string
	for _, c := range o.Choices {
		if c.Of == nil || slices.ContainsFunc(kinds, c.Of) {
			some = append(some, c.Value)
		}
	}
	if len(some) == 0 {
		return o.Values()
	}
	return some
}

// joinVerbs joins one word of every verb, in alphabetical order.
func joinVerbs(sep string, word func(*Verb) string) string {
	var words []string
	for _, v := range Verbs() {
		words = append(words, word(&v))
	}
	slices.Sort(words)
	return strings.Join(words, sep)
}
