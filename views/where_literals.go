package views

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/ipctop/ipctop/collect/schema"
)

// literalVisitor refuses what is written beside a key or permission bits and can never equal one: a "!=" with it would let every row
// pass. The language takes 0600 for the decimal number 600.
type literalVisitor struct {
	source []rune
	types  map[string]schema.Type
	err    *UsageError // the first
}

func (v *literalVisitor) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok || v.err != nil || n.Operator != "==" && n.Operator != "!=" {
		return
	}
	v.check(n.Left, n.Right)
	v.check(n.Right, n.Left)
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
				v.err = &UsageError{fmt.Sprintf(`%s is a decimal number, and %s are octal: say "%04s" or 0o%s`, text, id.Value, text, strings.TrimLeft(text, "0"))}
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

// text is how a node was typed.
func (v *literalVisitor) text(n ast.Node) string {
	at := n.Location()
	return string(v.source[min(max(at.From, 0), len(v.source)):min(max(at.From, at.To), len(v.source))])
}

func parsePerms(s string) (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
}

func parseKey(s string) (uint64, error) { return strconv.ParseUint(s, 0, 32) }
