package tui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/ipctop/ipctop/collect/schema"
)

// Every relation of the schema has words for both of its ends.
func TestEveryRelationHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../collect/schema/edge.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Rel" {
			return true
		}
		for _, v := range spec.Values {
			rel, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if outward, inward := relWords(schema.Rel(rel)); outward == "" || inward == "" {
				t.Errorf("%s has no words", rel)
			}
			found++
		}
		return true
	})
	if found == 0 {
		t.Error("the schema declares no relation")
	}
}
