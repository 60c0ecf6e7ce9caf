package software

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

//go:embed signatures.yaml
var builtinSignatures string

// builtinName is the name of the embedded file in messages.
const builtinName = "signatures.yaml"

// Mistake is a mistake in a file of signatures.
type Mistake struct {
	File string
	Line int    // 1 is the first
	Says string // the mistake and its correction
}

// Error is one line: the file, the line in it, and the mistake.
func (e *Mistake) Error() string {
	return fmt.Sprintf("%s: line %d: %s", e.File, e.Line, e.Says)
}

// builtinList holds the signatures of the embedded file. Nobody changes them. The first call parses the file, which
// takes several milliseconds.
var builtinList = sync.OnceValues(func() ([]*signature, error) {
	list, _, err := parse(builtinName, builtinSignatures)
	return list, err
})

// Builtin returns the signatures that are part of ipctop.
func Builtin() (*Signatures, error) {
	list, err := builtinList()
	if err != nil {
		return nil, err
	}
	return newSignatures(list), nil
}

// Read reads a user's file. Its signatures come before the built-in ones, and it may turn off built-in ones. file is
// the name in messages. Errors are *Mistake.
func Read(file, text string) (*Signatures, error) {
	all, err := builtinList()
	if err != nil {
		return nil, err
	}
	own, off, err := parse(file, text)
	if err != nil {
		return nil, err
	}
	for _, g := range own {
		g.user = true
	}
	builtin := make([]*signature, 0, len(all))
	for _, g := range all {
		later := *g
		later.order += len(own)
		builtin = append(builtin, &later)
	}
	for _, o := range off {
		if !slices.ContainsFunc(builtin, func(g *signature) bool { return g.id == o.id }) {
			return nil, &Mistake{file, o.line,
				fmt.Sprintf("off: no built-in signature is called %q: they are %s", o.id,
					strings.Join(signatureIDs(builtin), ", "))}
		}
		builtin = slices.DeleteFunc(builtin, func(g *signature) bool { return g.id == o.id })
	}
	return newSignatures(append(own, builtin...)), nil
}

func signatureIDs(list []*signature) []string {
	ids := map[string]bool{}
	for _, g := range list {
		ids[g.id] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// turnedOff is one line of "off:".
type turnedOff struct {
	id   string
	line int
}

// parse reads one file. The file is a mapping of "signatures", a list of signatures, and "off", a list of ids.
func parse(file, text string) (list []*signature, off []turnedOff, err error) {
	r := &signatureReader{file: file}
	defer r.catch(&err)
	f, parseErr := parser.ParseBytes([]byte(text), 0)
	var at yaml.Error
	switch {
	case errors.As(parseErr, &at):
		r.fail(at.GetToken(), "no YAML: %s", at.GetMessage())
	case parseErr != nil:
		return nil, nil, &Mistake{file, 1, "no YAML: " + parseErr.Error()}
	}
	for i, doc := range f.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue
		}
		if i > 0 {
			r.fail(doc.Body.GetToken(), "a second document: put everything into one")
		}
		r.eachField(doc.Body, func(key string, at *token.Token, value ast.Node) {
			switch key {
			case "signatures":
				for _, node := range r.list(key, value) {
					list = append(list, r.signature(node, len(list)))
				}
			case "off":
				for _, node := range r.list(key, value) {
					off = append(off, turnedOff{r.text(key, node), line(node.GetToken())})
				}
			default:
				r.unknown(at, key, []string{"signatures", "off"})
			}
		})
	}
	return list, off, nil
}
