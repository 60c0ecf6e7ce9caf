package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// sourceFile is a parsed file and its room.
type sourceFile struct {
	room string
	file *ast.File
}

// brokenHabits lists the broken rules in the sources of one package: an init function, package-level state, and the
// name kernel.Admin outside the rooms that change the machine. State is a variable without a value that is no
// embedded file, or a variable that a function assigns to.
func brokenHabits(fset *token.FileSet, files []sourceFile) []string {
	var broken []string
	say := func(at token.Pos, format string, args ...any) {
		pos := fset.Position(at)
		broken = append(broken,
			fmt.Sprintf("%s:%d: ", filepath.Base(pos.Filename), pos.Line)+fmt.Sprintf(format, args...))
	}
	vars := map[string]bool{}
	for _, f := range files {
		for _, d := range f.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					say(d.Pos(), "an init function")
				}
			case *ast.GenDecl:
				for _, name := range variables(d) {
					vars[name.Name] = true
				}
				if d.Tok == token.VAR {
					for _, s := range d.Specs {
						if v := s.(*ast.ValueSpec); len(v.Values) == 0 && !embedded(d) {
							say(v.Pos(), "package-level state: %s", v.Names[0].Name)
						}
					}
				}
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f.file, func(n ast.Node) bool {
			for _, target := range assigned(n) {
				if id := root(target); id != nil && id.Name != "_" && vars[id.Name] && packageLevel(f.file, id) {
					say(n.Pos(), "package-level state: %s is assigned to", id.Name)
				}
			}
			if s, ok := n.(*ast.SelectorExpr); ok && !slices.Contains([]string{"actions", "demo"}, f.room) {
				if id, ok := s.X.(*ast.Ident); ok && id.Name == "kernel" &&
					(s.Sel.Name == "Admin" || s.Sel.Name == "NewAdmin") {
					say(n.Pos(), "kernel.%s outside actions and demo", s.Sel.Name)
				}
			}
			return true
		})
	}
	return broken
}

// embedded is true if the compiler fills the variable from a file.
func embedded(d *ast.GenDecl) bool {
	return d.Doc != nil && slices.ContainsFunc(d.Doc.List,
		func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

func variables(d *ast.GenDecl) []*ast.Ident {
	var names []*ast.Ident
	if d.Tok == token.VAR {
		for _, s := range d.Specs {
			names = append(names, s.(*ast.ValueSpec).Names...)
		}
	}
	return names
}

// assigned lists the expressions that a statement writes to, without new variables of :=.
func assigned(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	}
	return nil
}

// root gives x for x, x.f, x[i] and *x.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// packageLevel is true for a variable of the package, and false for a local variable of the same name. The parser
// resolves names within a file. A name that it did not resolve belongs to another file.
func packageLevel(file *ast.File, id *ast.Ident) bool {
	return id.Obj == nil || file.Scope.Lookup(id.Name) == id.Obj
}

// longLines lists the lines of a source that end beyond column 120. A tab counts as four columns.
func longLines(name, source string) []string {
	const columns, tab = 120, 4
	var long []string
	number := 0
	for line := range strings.Lines(source) {
		number++
		line = strings.TrimSuffix(line, "\n")
		if width := utf8.RuneCountInString(line) + (tab-1)*strings.Count(line, "\t"); width > columns {
			long = append(long, fmt.Sprintf("%s:%d: %d columns wide, more than %d", name, number, width, columns))
		}
	}
	return long
}

func TestSourcesKeepTheHabits(t *testing.T) {
	t.Parallel()
	top := topDir(t)
	if err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		for _, says := range longLines(strings.TrimPrefix(path, top+"/"), string(source)) {
			t.Error(says)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	for _, p := range list(t, "amd64") {
		here := room(p.ImportPath)
		if here == "" || forTests(here) {
			continue
		}
		fset := token.NewFileSet()
		var files []sourceFile
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, sourceFile{here, f})
		}
		for _, says := range brokenHabits(fset, files) {
			t.Errorf("%s: %s", here, says)
		}
	}
}

func TestHabitsCanBreak(t *testing.T) {
	t.Parallel()
	const source = `package p
import "github.com/ipctop/ipctop/collect/kernel"
var state int
var table = []int{1}
var fine = []int{2}
func init() {}
func f() {
	table[0] = 3
	state++
	fine := []int{3}
	fine[0] = 4
}
type holder struct{ a kernel.Admin }

//go:embed p.txt
var text string
`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"p.go:3: package-level state: state",
		"p.go:6: an init function",
		"p.go:8: package-level state: table is assigned to",
		"p.go:9: package-level state: state is assigned to",
		"p.go:13: kernel.Admin outside actions and demo",
	}
	if diff := cmp.Diff(want, brokenHabits(fset, []sourceFile{{"collect", file}})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want[:4], brokenHabits(fset, []sourceFile{{"actions", file}})); diff != "" {
		t.Errorf("in actions (-want +got):\n%s", diff)
	}

	wide := "\t// " + strings.Repeat("é", 113) + "\n" // 120 columns
	want = []string{"a/b.go:3: 121 columns wide, more than 120"}
	if diff := cmp.Diff(want, longLines("a/b.go", "package b\n"+wide+" "+wide)); diff != "" {
		t.Errorf("wide lines (-want +got):\n%s", diff)
	}
}
