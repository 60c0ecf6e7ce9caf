package views

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
)

// Where is a compiled --where expression over the columns of one or several kinds: the language of expr-lang/expr. Columns are
// typed: sizes are bytes, times and durations those of the language, keys and perms compare with numbers and with their text.
//
// A row for which the expression asks for a cell that is not known does not match: what could not be seen is neither equal nor
// unequal to anything. Nor does one that asks for processes of which only some could be seen, unless any() finds what it looks for among
// those. "x == nil" and "x != nil" ask whether x is known. A text that does not apply is "".
//
// A Where is for one goroutine at a time.
type Where struct {
	Source  string
	columns map[schema.Kind]map[string]schema.Column
	used    []string
	program *vm.Program
	row     *schema.Object

	undecided int
	hidden    []string
}

// IDs are the columns that the expression reads.
func (w *Where) IDs() []string { return w.used }

// errUnknown ends the evaluation of a row in which a cell is not known.
var errUnknown = errors.New("not known")

// errNoColumn ends the evaluation of a row whose kind has no such column.
var errNoColumn = errors.New("no such column")

// CompileWhere compiles an expression over the columns of the mechanisms. The error is a UsageError in one line.
func CompileWhere(mechs []*collect.Mechanism, source string) (*Where, error) {
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
		options = append(options, expr.Function(getter+id, func(...any) (any, error) { return w.cellAs(id, false) }, getterType(t)))
		if t == schema.TypeEndpoints {
			options = append(options, w.partialFunctions(id))
		}
	}
	options = append(options, expr.Env(env), w.anyOf(), expr.Function(knownFn, func(a ...any) (any, error) { return w.known(a[0].(string)), nil }, new(func(string) bool)))
	program, err := expr.Compile(source, options...)
	if err != nil {
		return nil, whereError(source, err)
	}
	w.program = program
	return w, nil
}

// checkNames refuses names that are no column, and remembers those that are.
func (w *Where) checkNames(source string, types map[string]schema.Type) error {
	tree, err := parser.Parse(source)
	if err != nil {
		return whereError(source, err)
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

func whereError(source string, err error) error {
	says := err.Error()
	var fe *file.Error
	if errors.As(err, &fe) {
		says = fmt.Sprintf("%s at column %d", fe.Message, fe.Column+1)
	}
	says, _, _ = strings.Cut(says, "\n")
	return &UsageError{fmt.Sprintf("bad expression %s: %s", quote(source), Visible(says))}
}

// Match says whether the object passes. An error of evaluation, an unknown cell among them, is "no".
func (w *Where) Match(o *schema.Object) bool {
	w.row = o
	out, err := expr.Run(w.program, nil)
	if err != nil {
		return false
	}
	return out.(bool)
}

// Undecided tells how many evaluations since the last call needed a cell that was denied or not collected, and of which columns.
func (w *Where) Undecided() (rows int, columns []string) {
	rows, columns = w.undecided, w.hidden
	w.undecided, w.hidden = 0, nil
	return rows, columns
}

// cellAs reads a cell. partial says that a list will do of which only some could be seen.
func (w *Where) cellAs(id string, partial bool) (any, error) {
	c, ok := w.columns[w.row.Ref.Kind][id]
	if !ok {
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
			return []whereEndpoint{}, nil
		}
		return nil, errUnknown
	}
	return nil, w.undecide(id)
}

func (w *Where) known(id string) bool {
	c, ok := w.columns[w.row.Ref.Kind][id]
	return ok && c.Get(w.row).IsKnown()
}

// whereKey and wherePerms compare with numbers and with the text that JSON has.
type (
	whereKey   uint32
	wherePerms uint32
)

type whereEndpoint struct {
	PID  int    `expr:"pid"`
	TID  int    `expr:"tid"`
	Comm string `expr:"comm"`
	FD   int    `expr:"fd"`
	Mode string `expr:"mode"`
	Maps int    `expr:"maps"`
}

func whereValue(v schema.Value) any {
	switch v.Type() {
	case schema.TypeString:
		return v.Str()
	case schema.TypeBytes:
		return int(min(v.Uint(), math.MaxInt64))
	case schema.TypeDuration:
		return v.Duration()
	case schema.TypeTime:
		return v.Time()
	case schema.TypePerms:
		return wherePerms(v.Int())
	case schema.TypeKey:
		return whereKey(v.Int())
	case schema.TypeBool:
		return v.Bool()
	case schema.TypeFloat:
		return v.Float()
	case schema.TypeList:
		return v.List()
	case schema.TypeRef:
		return v.Ref().String()
	case schema.TypeEndpoints:
		ends := make([]whereEndpoint, 0, len(v.Endpoints()))
		for _, e := range v.Endpoints() {
			ends = append(ends, whereEndpoint{e.PID, e.TID, e.Comm, e.FD, e.Mode, e.Maps})
		}
		return ends
	}
	return int(v.Int())
}

// sample is a value of the Go type that whereValue gives for the type.
func sample(t schema.Type) any {
	switch t {
	case schema.TypeString, schema.TypeRef:
		return ""
	case schema.TypeDuration:
		return time.Duration(0)
	case schema.TypeTime:
		return time.Time{}
	case schema.TypePerms:
		return wherePerms(0)
	case schema.TypeKey:
		return whereKey(0)
	case schema.TypeBool:
		return false
	case schema.TypeFloat:
		return 0.0
	case schema.TypeList:
		return []string{}
	case schema.TypeEndpoints:
		return []whereEndpoint{}
	}
	return 0
}

func getterType(t schema.Type) any {
	switch t {
	case schema.TypeString, schema.TypeRef:
		return new(func() string)
	case schema.TypeDuration:
		return new(func() time.Duration)
	case schema.TypeTime:
		return new(func() time.Time)
	case schema.TypePerms:
		return new(func() wherePerms)
	case schema.TypeKey:
		return new(func() whereKey)
	case schema.TypeBool:
		return new(func() bool)
	case schema.TypeFloat:
		return new(func() float64)
	case schema.TypeList:
		return new(func() []string)
	case schema.TypeEndpoints:
		return new(func() []whereEndpoint)
	}
	return new(func() int)
}

// Names of the functions that columns turn into. A person cannot type them: "$" starts nothing but $env in the language.
const (
	getter  = "$get_"
	knownFn = "$known"
)

// columnPatch turns each column into a call that reads just this cell, and comparisons with nil into the question whether it is known.
type columnPatch struct{ types map[string]schema.Type }

func (p *columnPatch) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if _, ok := p.types[n.Value]; ok {
			ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: getter + n.Value}})
		}
	case *ast.BuiltinNode:
		p.patchAny(node, n)
	case *ast.BinaryNode:
		id := nilCompared(n)
		if id == "" {
			return
		}
		var known ast.Node = &ast.CallNode{Callee: &ast.IdentifierNode{Value: knownFn}, Arguments: []ast.Node{&ast.StringNode{Value: id}}}
		if n.Operator == "==" {
			known = &ast.UnaryNode{Operator: "not", Node: known}
		}
		ast.Patch(node, known)
	}
}

func nilCompared(n *ast.BinaryNode) string {
	if n.Operator != "==" && n.Operator != "!=" {
		return ""
	}
	for _, pair := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		call, isCall := pair[0].(*ast.CallNode)
		_, isNil := pair[1].(*ast.NilNode)
		if !isCall || !isNil {
			continue
		}
		if callee, ok := call.Callee.(*ast.IdentifierNode); ok {
			if id, ok := strings.CutPrefix(callee.Value, getter); ok {
				return id
			}
		}
	}
	return ""
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

// functionNames are those that whereFunctions adds to the language under names a person types.
var functionNames = []string{"bytes", "duration"}

func whereFunctions() []expr.Option {
	text := func(format string) func(any, any) (any, error) {
		return func(a, b any) (any, error) {
			if format == "perms" {
				n, err := parsePerms(b.(string))
				return uint64(a.(wherePerms)) == n, err
			}
			n, err := parseKey(b.(string))
			return uint64(a.(whereKey)) == n, err
		}
	}
	number := func(a, b any) (any, error) {
		n := int64(b.(int))
		switch a := a.(type) {
		case whereKey:
			return n == int64(a) || n == int64(int32(a)), nil
		case wherePerms:
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
		expr.Function("duration", func(p ...any) (any, error) { return ParseDuration(p[0].(string)) }, new(func(string) time.Duration)),
		expr.Function("bytes", func(p ...any) (any, error) {
			n, err := ParseSize(p[0].(string))
			return int(min(n, math.MaxInt64)), err
		}, new(func(string) int)),
		compare("$keyText", text("key"), new(func(whereKey, string) bool)),
		compare("$permsText", text("perms"), new(func(wherePerms, string) bool)),
		compare("$keyInt", number, new(func(whereKey, int) bool)),
		compare("$permsInt", number, new(func(wherePerms, int) bool)),
		compare("$notKeyText", negated(text("key")), new(func(whereKey, string) bool)),
		compare("$notPermsText", negated(text("perms")), new(func(wherePerms, string) bool)),
		compare("$notKeyInt", negated(number), new(func(whereKey, int) bool)),
		compare("$notPermsInt", negated(number), new(func(wherePerms, int) bool)),
		expr.Operator("==", "$keyText", "$permsText", "$keyInt", "$permsInt"),
		expr.Operator("!=", "$notKeyText", "$notPermsText", "$notKeyInt", "$notPermsInt"),
	}
}

// ParseDuration reads Go's durations ("1h30m") and whole days and weeks ("7d", "2w").
func ParseDuration(s string) (time.Duration, error) {
	for unit, span := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseFloat(digits, 64)
			if n *= float64(span); err == nil && math.Abs(n) < math.MaxInt64 { // not so for NaN
				return time.Duration(n), nil
			}
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, &UsageError{quote(s) + " is no duration: say 90s, 5m, 1h30m, 7d"}
	}
	return d, nil
}

// ParseSize reads a number of bytes with an optional power of 1024 (K, M, G, T, P, E, each also with iB) or of 1000 (KB, MB, …).
func ParseSize(s string) (uint64, error) {
	fail := &UsageError{quote(s) + " is no size: say 4096, 64K, 1.5M, 2G"}
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	if err != nil {
		return 0, fail
	}
	suffix := strings.ToUpper(s[end:])
	base := 1024.0
	if len(suffix) == 2 && suffix[1] == 'B' {
		base = 1000
	}
	power := 0
	if suffix != "" && suffix != "B" {
		power = strings.Index("KMGTPE", suffix[:1]) + 1
		if rest := suffix[1:]; power == 0 || rest != "" && rest != "B" && rest != "IB" {
			return 0, fail
		}
	}
	n *= math.Pow(base, float64(power))
	if n >= math.MaxUint64 {
		return 0, fail
	}
	return uint64(n), nil
}
