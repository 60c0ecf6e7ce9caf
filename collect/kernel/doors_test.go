package kernel

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const rooms = "github.com/ipctop/ipctop/collect/kernel/"

// roomCalls visits the functions of rooms that a file names, for example "sysv.MsgRemove", and their places.
func roomCalls(t *testing.T, set *token.FileSet, file *ast.File, visit func(call string, at token.Pos)) {
	t.Helper()
	imported := map[string]bool{}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if room, ok := strings.CutPrefix(name, rooms); ok {
			imported[room] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := sel.X.(*ast.Ident); ok && imported[pkg.Name] {
			visit(pkg.Name+"."+sel.Sel.Name, sel.Pos())
		}
		return true
	})
}

// changes lists the functions of rooms that Admin's methods call. They change the machine.
func changes(t *testing.T, set *token.FileSet) []string {
	t.Helper()
	files, err := filepath.Glob("admin*.go")
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, name := range files {
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				body := &ast.FuncDecl{Name: f.Name, Type: &ast.FuncType{Params: &ast.FieldList{}}, Body: f.Body}
				bare := &ast.File{Imports: file.Imports, Name: file.Name, Decls: []ast.Decl{body}}
				roomCalls(t, set, bare, func(call string, _ token.Pos) { calls = append(calls, call) })
			}
		}
	}
	return calls
}

// A package that imports a room for its types could call functions that change the machine. Only Admin may.
func TestOnlyAdminChanges(t *testing.T) {
	set := token.NewFileSet()
	all := changes(t, set)
	for _, want := range []string{"sysv.MsgRemove", "posix.ShmRemoveSame", "process.StartBare"} {
		if !slices.Contains(all, want) {
			t.Errorf("%s is no change, as if Admin did not call it", want)
		}
	}
	top := filepath.Join("..", "..")
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(filepath.Join(top, "collect", "kernel"), name)
		if err != nil {
			return err
		}
		if d.IsDir() && (inside == "." || strings.HasPrefix(d.Name(), ".") && name != top) {
			return fs.SkipDir
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			return err
		}
		roomCalls(t, set, file, func(call string, at token.Pos) {
			if slices.Contains(all, call) {
				t.Errorf("%s: %s beside Admin", set.Position(at), call)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRoomCallsAreSeen(t *testing.T) {
	const text = `package x
import ("fmt"; "github.com/ipctop/ipctop/collect/kernel/sysv")
func f() { fmt.Print(sysv.MsgRemove(1)) }`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "x.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	roomCalls(t, set, file, func(call string, _ token.Pos) { got = append(got, call) })
	if diff := cmp.Diff([]string{"sysv.MsgRemove"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
