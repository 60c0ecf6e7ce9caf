package views

import (
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"

	"github.com/ipctop/ipctop/collect/schema"
)

// Names of the functions that replace columns. A person cannot type them: in the language only $env starts with "$".
const (
	getter  = "$get_"
	knownFn = "$known"
)

// columnPatch replaces each column by a call that reads only this cell. It replaces a comparison with nil by a test if
// the cell is known.
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
		p.patchIn(node, n)
		id := nilCompared(n)
		if id == "" {
			return
		}
		var known ast.Node = &ast.CallNode{Callee: &ast.IdentifierNode{Value: knownFn},
			Arguments: []ast.Node{&ast.StringNode{Value: id}}}
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
		if _, isNil := pair[1].(*ast.NilNode); !isNil {
			continue
		}
		if id := columnOf(pair[0]); id != "" {
			return id
		}
	}
	return ""
}

// columnOf returns the column that a patched node reads; "" for everything else.
func columnOf(node ast.Node) string {
	call, ok := node.(*ast.CallNode)
	if !ok {
		return ""
	}
	callee, ok := call.Callee.(*ast.IdentifierNode)
	if !ok {
		return ""
	}
	id, ok := strings.CutPrefix(callee.Value, getter)
	if !ok {
		return ""
	}
	return id
}

// untyped makes the language check the arguments of every call again. The language skips a call that has a type from an
// earlier pass, and then misses errors inside. untyped must run after the operators have become calls, as the last
// pass: a repeated pass comes last.
type untyped struct{}

func (untyped) Visit(node *ast.Node) {
	if _, ok := (*node).(*ast.CallNode); ok {
		(*node).SetNature(nature.Nature{})
	}
}

func (untyped) Reset()             {}
func (untyped) ShouldRepeat() bool { return false }

// patchIn turns "key in [a, b]" into "key == a or key == b": "in" of the language does not use our operators.
func (p *columnPatch) patchIn(node *ast.Node, n *ast.BinaryNode) {
	id := columnOf(n.Left)
	list, isList := n.Right.(*ast.ArrayNode)
	if n.Operator != "in" || !isList || p.types[id] != schema.TypeKey && p.types[id] != schema.TypePerms {
		return
	}
	var chain ast.Node = &ast.BoolNode{}
	for i, element := range list.Nodes {
		column := &ast.CallNode{Callee: &ast.IdentifierNode{Value: getter + id}}
		column.SetLocation(n.Left.Location())
		var equal ast.Node = &ast.BinaryNode{Operator: "==", Left: column, Right: element}
		equal.SetLocation(element.Location())
		if i > 0 {
			equal = &ast.BinaryNode{Operator: "or", Left: chain, Right: equal}
		}
		chain = equal
	}
	ast.Patch(node, chain)
}
