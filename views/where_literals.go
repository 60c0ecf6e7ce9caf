package views

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"github.com/ipctop/ipctop/collect/schema"
)

// literalVisitor refuses literals that can never equal a key or permission bits: a "!=" with such a literal would match
// every row. The language reads 0600 as decimal 600. The visitor also refuses invalid durations, sizes and dates: they
// would fail for every row, so no row would match.
type literalVisitor struct {
	source []rune
	types  map[string]schema.Type
	err    *UsageError // the first error
}

func (v *literalVisitor) Visit(node *ast.Node) {
	if v.err != nil {
		return
	}
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		v.compared(n)
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			v.called(callee.Value, n.Arguments)
		}
	case *ast.BuiltinNode:
		v.called(n.Name, n.Arguments)
	}
}

func (v *literalVisitor) compared(n *ast.BinaryNode) {
	switch n.Operator {
	case "==", "!=":
		v.check(n.Left, n.Right)
		v.check(n.Right, n.Left)
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			for _, element := range list.Nodes {
				v.check(n.Left, element)
			}
		}
	}
}

// called calls a function if all its arguments are literals, to find an invalid argument.
func (v *literalVisitor) called(name string, args []ast.Node) {
	var texts []any
	for _, a := range args {
		s, ok := a.(*ast.StringNode)
		if !ok {
			return
		}
		texts = append(texts, s.Value)
	}
	if len(texts) == 0 {
		return
	}
	text := texts[0].(string)
	var err error
	switch name {
	case "duration":
		_, err = ParseDuration(text)
	case "bytes":
		_, err = ParseSize(text)
	case "date":
		if _, bad := builtin.Builtins[builtin.Index[name]].Func(texts[:min(len(texts), 3)]...); bad != nil {
			err = &UsageError{quote(text) + " is no date: say 2006-01-02, 2006-01-02 15:04:05 or as RFC 3339 does"}
		}
	case "timezone":
		if _, bad := time.LoadLocation(text); bad != nil {
			err = &UsageError{quote(text) + " is no time zone: say UTC or Europe/Berlin"}
		}
	}
	errors.As(err, &v.err)
}

func (v *literalVisitor) check(column, literal ast.Node) {
	id, ok := column.(*ast.IdentifierNode)
	if !ok {
		return
	}
	switch v.types[id.Value] {
	case schema.TypePerms:
		switch l := literal.(type) {
		case *ast.IntegerNode:
			if text := v.text(l); l.Value != 0 && len(text) > 1 && !strings.ContainsAny(text[1:2], "oOxXbB") {
				v.err = &UsageError{fmt.Sprintf(`%s is a decimal number, and %s are octal: say "%04s" or 0o%s`, text,
					id.Value, text, strings.TrimLeft(text, "0"))}
			}
		case *ast.StringNode:
			if _, err := parsePerms(l.Value); err != nil {
				v.err = &UsageError{quote(l.Value) + ` are no permission bits: say "0600"`}
			}
		}
	case schema.TypeKey:
		if l, ok := literal.(*ast.StringNode); ok {
			if _, err := parseKey(l.Value); err != nil {
				v.err = &UsageError{quote(l.Value) + ` is no key: say "0x00001234"`}
			}
		}
	}
}

// text returns the source text of a node.
func (v *literalVisitor) text(n ast.Node) string {
	at := n.Location()
	return string(v.source[min(max(at.From, 0), len(v.source)):min(max(at.From, at.To), len(v.source))])
}

func parsePerms(s string) (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
}

func parseKey(s string) (uint64, error) { return strconv.ParseUint(s, 0, 32) }
