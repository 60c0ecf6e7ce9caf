package schema_test

import (
	"testing"

	"github.com/ipctop/ipctop/collect/schema"
)

// Two notes of one type are two places on each object.
func TestNotes(t *testing.T) {
	first, second := schema.NewNote[int](), schema.NewNote[int]()
	var a, b schema.Object
	one, two := 1, 2
	first.Set(&a, &one)
	second.Set(&a, &two)
	if first.Of(&a) != &one || second.Of(&a) != &two {
		t.Errorf("got %v and %v", first.Of(&a), second.Of(&a))
	}
	if first.Of(&b) != nil {
		t.Errorf("an object without notes has %v", first.Of(&b))
	}
}
