package software

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// signatureReader turns nodes of a file into signatures. A mistake ends the reading by a panic with its *Mistake.
// catch turns the panic into an error.
type signatureReader struct{ file string }

func (r *signatureReader) catch(err *error) {
	switch e := recover().(type) {
	case nil:
	case *Mistake:
		*err = e
	default:
		panic(e)
	}
}

func (r *signatureReader) fail(at *token.Token, format string, args ...any) {
	panic(&Mistake{r.file, line(at), fmt.Sprintf(format, args...)})
}

func line(t *token.Token) int {
	if t == nil || t.Position == nil {
		return 1
	}
	return t.Position.Line
}

func (r *signatureReader) unknown(at *token.Token, key string, known []string) {
	r.fail(at, "unknown field %q: say one of %s", key, strings.Join(known, ", "))
}

// eachField visits the fields of a mapping. Each field may occur only once.
func (r *signatureReader) eachField(node ast.Node, visit func(key string, at *token.Token, value ast.Node)) {
	m, ok := node.(ast.MapNode)
	if !ok {
		r.fail(node.GetToken(), "say fields here, each as NAME: VALUE")
	}
	seen := map[string]bool{}
	for it := m.MapRange(); it.Next(); {
		at := it.Key().GetToken()
		key := r.text("field", it.Key())
		if seen[key] {
			r.fail(at, "%s stands here twice", key)
		}
		seen[key] = true
		visit(key, at, it.Value())
	}
}

// list returns the elements of a list. A single value is a list of one element, and no value is an empty list.
func (r *signatureReader) list(field string, node ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.SequenceNode:
		return n.Values
	case *ast.NullNode:
		return nil
	}
	if field == "signatures" {
		r.fail(node.GetToken(), "signatures: say a list, each signature after a dash")
	}
	return []ast.Node{node}
}

// text returns a value as it is written.
func (r *signatureReader) text(field string, node ast.Node) string {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.MappingKeyNode:
		return r.text(field, n.Value)
	case *ast.IntegerNode, *ast.BoolNode, *ast.FloatNode:
		return n.GetToken().Value
	}
	r.fail(node.GetToken(), "%s: say a word or a number", field)
	return ""
}

func (r *signatureReader) texts(field string, node ast.Node) []string {
	var words []string
	for _, n := range r.list(field, node) {
		words = append(words, r.text(field, n))
	}
	if len(words) == 0 {
		r.fail(node.GetToken(), "%s: say at least one", field)
	}
	return words
}

func (r *signatureReader) bool(field string, node ast.Node) bool {
	b, ok := node.(*ast.BoolNode)
	if !ok {
		r.fail(node.GetToken(), "%s: say true or false", field)
	}
	return b.Value
}

func (r *signatureReader) number(field string, node ast.Node, text string, limit uint64) uint64 {
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil || n > limit {
		r.fail(node.GetToken(), "%s: %q is no number from 0 to %#x", field, text, limit)
	}
	return n
}

func (r *signatureReader) key(field string, node ast.Node) uint32 {
	return uint32(r.number(field, node, r.text(field, node), math.MaxUint32))
}

// span reads "5" or "5..10". Either end may be missing. For a range in another form ("5-10") the error shows the
// right form.
func (r *signatureReader) span(field string, node ast.Node) span {
	text := r.text(field, node)
	from, to, is := strings.Cut(text, "..")
	s := span{set: true, to: math.MaxUint64}
	if first, last, dash := strings.Cut(text, "-"); dash && !is {
		r.fail(node.GetToken(), "%s: %q: write a range with two dots: %s..%s", field, text, strings.TrimSpace(first),
			strings.TrimSpace(last))
	}
	if !is {
		to = from
	}
	number := func(text string) uint64 {
		n, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			r.fail(node.GetToken(), "%s: %q is no number from 0 to %#x, nor a range: say FROM..TO", field, text,
				uint64(math.MaxUint64))
		}
		return n
	}
	if from != "" {
		s.from = number(from)
	}
	if to != "" {
		s.to = number(to)
	}
	if is && from+to == "" || s.from > s.to {
		r.fail(node.GetToken(), "%s: %q is no range: say FROM..TO", field, text)
	}
	return s
}
