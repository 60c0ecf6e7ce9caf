package views

import (
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"github.com/ipctop/ipctop/collect/schema"
)

// A list of which only some could be seen is known as far as it goes: any() of it may be true, and nothing else about
// it is certain.

// Names of the functions that a column inside any(), and any() of a column, turn into.
const (
	seenGetter = "$seen_"
	anyOfFn    = "$anyOf"
)

// partialFunctions are those for one column of processes.
func (w *Where) partialFunctions(id string) expr.Option {
	return expr.Function(seenGetter+id, func(...any) (any, error) { return w.cellAs(id, true) },
		getterType(schema.TypeEndpoints))
}

// anyOf is any() of a column: false only if the list is complete.
func (w *Where) anyOf() expr.Option {
	return expr.Function(anyOfFn, func(a ...any) (any, error) {
		if found := a[1].(bool); found {
			return true, nil
		}
		id := a[0].(string)
		if c := w.columns[w.row.Ref.Kind][id]; c.Get(w.row).Partial() {
			return nil, w.undecide(id)
		}
		return false, nil
	}, new(func(string, bool) bool))
}

// undecide counts a row that cannot be decided because of a column.
func (w *Where) undecide(id string) error {
	w.undecided++
	if !slices.Contains(w.hidden, id) {
		w.hidden = append(w.hidden, id)
	}
	return errUnknown
}

// anyColumn is the column of processes whose any() this is; "" for everything else.
func (p *columnPatch) anyColumn(n *ast.BuiltinNode) string {
	if n.Name != "any" || len(n.Arguments) == 0 {
		return ""
	}
	id := columnOf(n.Arguments[0])
	if p.types[id] != schema.TypeEndpoints {
		return ""
	}
	return id
}

// patchAny lets any() see a list of which only some are known.
func (p *columnPatch) patchAny(node *ast.Node, n *ast.BuiltinNode) {
	id := p.anyColumn(n)
	if id == "" {
		return
	}
	n.Arguments[0] = &ast.CallNode{Callee: &ast.IdentifierNode{Value: seenGetter + id}}
	ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: anyOfFn},
		Arguments: []ast.Node{&ast.StringNode{Value: id}, n}})
}
