package views

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Where is a compiled --where expression over the columns of one or several kinds. Its language is that of
// expr-lang/expr. Columns have types: sizes are bytes; times and durations are the language's own; keys and perms
// compare with numbers and with their text.
//
// A row does not match if the expression reads an unknown cell: an unseen value is neither equal nor unequal to
// anything. A list of processes is unknown if only some of them could be seen. But any() over such a list is true if
// one of the seen processes matches. "x == nil" and "x != nil" test if x is unknown or known. A text that does not
// apply is "".
//
// Only one goroutine at a time may use a Where.
type Where struct {
	Source  string
	columns map[schema.Kind]map[string]schema.Column
	used    []string
	program *vm.Program
	row     *schema.Object

	undecided int
	hidden    []string
	lacks     []Lack
}

// Lack counts the rows of a kind that did not match because the kind lacks a column of the expression.
type Lack struct {
	Kind    schema.Kind
	Columns []string
	Rows    int
}

// String returns the Lack as a sentence.
func (l Lack) String() string {
	rows := schema.Plural(l.Rows, "row was", "rows were")
	return fmt.Sprintf("%d %s %s left out: %s has no column %s", l.Rows, l.Kind, rows, l.Kind,
		strings.Join(l.Columns, ", "))
}

// IDs returns the columns that the expression reads.
func (w *Where) IDs() []string { return w.used }

// errUnknown ends the evaluation of a row with an unknown cell.
var errUnknown = errors.New("not known")

// errNoColumn ends the evaluation of a row whose kind has no such column.
var errNoColumn = errors.New("no such column")

// CompileWhere compiles an expression over the columns of the mechanisms. The error is a UsageError of one line.
func CompileWhere(mechs []*kinds.Mechanism, source string) (*Where, error) {
	w := &Where{Source: source, columns: map[schema.Kind]map[string]schema.Column{}}
	types := map[string]schema.Type{}
	for _, m := range mechs {
		own := map[string]schema.Column{}
		for _, c := range ColumnsOf(m) {
			own[c.ID], types[c.ID] = c, c.Type
		}
		w.columns[m.Kind] = own
	}
	if err := w.checkNames(source, types); err != nil {
		return nil, err
	}
	options := append(whereFunctions(), expr.AsBool(), expr.Patch(&columnPatch{types}))
	env := map[string]any{}
	for id, t := range types {
		env[id] = sample(t)
		options = append(options, expr.Function(getter+id, func(...any) (any, error) { return w.cellAs(id, false) },
			getterType(t)))
		if t == schema.TypeEndpoints {
			options = append(options, w.partialFunctions(id))
		}
	}
	options = append(options, expr.Env(env), w.anyOf(),
		expr.Function(knownFn, func(a ...any) (any, error) { return w.known(a[0].(string)), nil },
			new(func(string) bool)))
	options = append(options, expr.Patch(untyped{}))
	program, err := expr.Compile(source, options...)
	if err != nil {
		return nil, whereError(source, err, unknownField(source, err))
	}
	w.program = program
	return w, nil
}

// checkNames refuses names that are no column, and keeps the others in w.used.
func (w *Where) checkNames(source string, types map[string]schema.Type) error {
	tree, err := parser.Parse(source)
	if err != nil {
		return whereError(source, err, "")
	}
	names, literals := &nameVisitor{}, &literalVisitor{source: []rune(source), types: types}
	ast.Walk(&tree.Node, names)
	ast.Walk(&tree.Node, literals)
	var known []string
	for id := range types {
		known = append(known, id)
	}
	slices.Sort(known)
	for _, name := range names.used {
		switch {
		case slices.Contains(names.declared, name), slices.Contains(functionNames, name):
		case types[name] == 0 && !slices.Contains(known, name):
			return unknown("column", name, known)
		case !slices.Contains(w.used, name):
			w.used = append(w.used, name)
		}
	}
	if literals.err != nil {
		return literals.err
	}
	return nil
}

// whereError turns an error of the language into one line, followed by advice.
func whereError(source string, err error, advice string) error {
	says := err.Error()
	var fe *file.Error
	if errors.As(err, &fe) {
		says = fmt.Sprintf("%s at column %d", fe.Message, fe.Column+1)
	}
	says, _, _ = strings.Cut(says, "\n")
	return &UsageError{fmt.Sprintf("bad expression %s: %s%s", quote(source), Visible(plainTypes(says)), advice)}
}

// unknownField lists the fields of a process, if the expression asked a process for another field.
func unknownField(source string, err error) string {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return ""
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return ""
	}
	advice := ""
	ast.Walk(&tree.Node, visit(func(node *ast.Node) {
		member, ok := (*node).(*ast.MemberNode)
		if !ok || member.Location() != fe.Location {
			return
		}
		name, isName := member.Property.(*ast.StringNode)
		if _, isElement := member.Node.(*ast.PointerNode); isName && isElement && !slices.Contains(processFields(),
			name.Value) {
			advice = ": a process has the fields " + strings.Join(processFields(), ", ")
		}
	}))
	return advice
}

type visit func(*ast.Node)

func (f visit) Visit(node *ast.Node) { f(node) }

// Match is true if the expression is true for the object. An error of evaluation means false; an unknown cell is such
// an error.
func (w *Where) Match(o *schema.Object) bool {
	w.row = o
	out, err := expr.Run(w.program, nil)
	if err != nil {
		return false
	}
	return out.(bool)
}

// Undecided counts the evaluations since the last call that needed a denied or uncollected cell, and lists the columns.
func (w *Where) Undecided() (rows int, columns []string) {
	rows, columns = w.undecided, w.hidden
	w.undecided, w.hidden = 0, nil
	return rows, columns
}

// Lacks lists the rows since the last call that did not match because their kind lacks a column.
func (w *Where) Lacks() []Lack {
	lacks := w.lacks
	w.lacks = nil
	return lacks
}

func (w *Where) lack(id string) {
	i := slices.IndexFunc(w.lacks, func(l Lack) bool { return l.Kind == w.row.Ref.Kind })
	if i < 0 {
		w.lacks = append(w.lacks, Lack{Kind: w.row.Ref.Kind})
		i = len(w.lacks) - 1
	}
	l := &w.lacks[i]
	l.Rows++
	if !slices.Contains(l.Columns, id) {
		l.Columns = append(l.Columns, id)
	}
}

// cellAs reads a cell. With partial it accepts a partial list of processes.
func (w *Where) cellAs(id string, partial bool) (any, error) {
	c, ok := w.columns[w.row.Ref.Kind][id]
	if !ok {
		w.lack(id)
		return nil, errNoColumn
	}
	v := c.Get(w.row)
	if v.State() == schema.Known && (partial || !v.Partial()) {
		return whereValue(v), nil
	}
	if v.State() == schema.Absent {
		switch c.Type {
		case schema.TypeString, schema.TypeRef:
			return "", nil
		case schema.TypeList:
			return []string{}, nil
		case schema.TypeEndpoints:
			return []process{}, nil
		}
		return nil, errUnknown
	}
	return nil, w.undecide(id)
}

func (w *Where) known(id string) bool {
	c, ok := w.columns[w.row.Ref.Kind][id]
	return ok && c.Get(w.row).IsKnown()
}

type nameVisitor struct{ used, declared []string }

func (v *nameVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.used = append(v.used, n.Value)
	case *ast.VariableDeclaratorNode:
		v.declared = append(v.declared, n.Name)
	}
}

// functionNames lists the functions that whereFunctions adds for a person to type.
var functionNames = []string{"bytes", "duration"}

func whereFunctions() []expr.Option {
	text := func(format string) func(any, any) (any, error) {
		return func(a, b any) (any, error) {
			if format == "perms" {
				n, err := parsePerms(b.(string))
				return uint64(a.(perms)) == n, err
			}
			n, err := parseKey(b.(string))
			return uint64(a.(key)) == n, err
		}
	}
	number := func(a, b any) (any, error) {
		n := int64(b.(int))
		switch a := a.(type) {
		case key:
			return n == int64(a) || n == int64(int32(a)), nil
		case perms:
			return n == int64(a), nil
		}
		return false, nil
	}
	negated := func(f func(any, any) (any, error)) func(any, any) (any, error) {
		return func(a, b any) (any, error) {
			v, err := f(a, b)
			return !v.(bool), err
		}
	}
	compare := func(name string, f func(any, any) (any, error), typ any) expr.Option {
		return expr.Function(name, func(p ...any) (any, error) { return f(p[0], p[1]) }, typ)
	}
	return []expr.Option{
		expr.DisableBuiltin("duration"),
		expr.Function("duration", func(p ...any) (any, error) { return ParseDuration(p[0].(string)) },
			new(func(string) time.Duration)),
		expr.Function("bytes", func(p ...any) (any, error) {
			n, err := ParseSize(p[0].(string))
			return int(min(n, math.MaxInt64)), err
		}, new(func(string) int)),
		compare("$keyText", text("key"), new(func(key, string) bool)),
		compare("$permsText", text("perms"), new(func(perms, string) bool)),
		compare("$keyInt", number, new(func(key, int) bool)),
		compare("$permsInt", number, new(func(perms, int) bool)),
		compare("$notKeyText", negated(text("key")), new(func(key, string) bool)),
		compare("$notPermsText", negated(text("perms")), new(func(perms, string) bool)),
		compare("$notKeyInt", negated(number), new(func(key, int) bool)),
		compare("$notPermsInt", negated(number), new(func(perms, int) bool)),
		expr.Operator("==", "$keyText", "$permsText", "$keyInt", "$permsInt"),
		expr.Operator("!=", "$notKeyText", "$notPermsText", "$notKeyInt", "$notPermsInt"),
	}
}
