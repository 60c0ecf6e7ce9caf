package views

import (
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"github.com/ipctop/ipctop/collect/schema"
)

// A partial list of processes holds only the processes that could be seen. any() over it may be true. Nothing else
// about it is certain.

// Names of internal functions: for a column inside any(), and for any() of a column.
const (
	seenGetter = "$seen_"
	anyOfFn    = "$anyOf"
)

// partialFunctions returns the internal functions for one column of processes.
func (w *Where) partialFunctions(id string) expr.Option {
	return expr.Function(seenGetter+id, func(...any) (any, error) { return w.cellAs(id, true) },
		getterType(schema.TypeEndpoints))
}

// anyOf returns the any() of a column. Its result is false only if the list is complete.
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

// undecide counts a row as undecided because of a column.
func (w *Where) undecide(id string) error {
	w.undecided++
	if !slices.Contains(w.hidden, id) {
		w.hidden = append(w.hidden, id)
	}
	return errUnknown
}

// anyColumn returns the column of processes of an any(); "" for everything else.
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

// patchAny lets any() read a partial list.
func (p *columnPatch) patchAny(node *ast.Node, n *ast.BuiltinNode) {
	id := p.anyColumn(n)
	if id == "" {
		return
	}
	n.Arguments[0] = &ast.CallNode{Callee: &ast.IdentifierNode{Value: seenGetter + id}}
	ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: anyOfFn},
		Arguments: []ast.Node{&ast.StringNode{Value: id}, n}})
}
