package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/ipctop/ipctop"

// listedPackage is the part of the output of go list -json that the rules need.
type listedPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
	Standard   bool
}

// room gives the package's path below the module, such as "collect/kernel". It gives "" for a package of another
// module.
func room(path string) string {
	if rest, ok := strings.CutPrefix(path, module+"/"); ok {
		return rest
	}
	return ""
}

// forTests is true for packages that only tests import. Their names end in "test": kerneltest, collecttest.
func forTests(r string) bool { return strings.HasSuffix(r, "test") }

// mayImport lists for each room the rooms that it may import.
func mayImport() map[string][]string {
	rooms := kernelRooms()
	kernel := append(slices.Sorted(maps.Keys(rooms)), "collect/kernel")
	with := func(others ...string) []string { return slices.Concat(kernel, []string{"collect/schema"}, others) }
	aspects := []string{"collect/software", "collect/ftok", "collect/leaks", "collect/content", "collect/waits",
		"collect/doctor", "collect/containers"}
	may := map[string][]string{
		"collect/schema":     {},
		"collect/relate":     {"collect/schema"},
		"collect/kernel":     kernel,
		"collect/proc":       with(),
		"collect/kinds":      with("collect/proc"),
		"collect/software":   with("collect/proc", "collect/kinds"),
		"collect/ftok":       with("collect/proc", "collect/kinds", "collect/software"),
		"collect/content":    with("collect/proc", "collect/kinds"),
		"collect/containers": with("collect/proc", "collect/kinds"),
		"collect/leaks": with("collect/relate", "collect/proc", "collect/kinds", "collect/software",
			"collect/ftok"),
		"collect/waits":  with("collect/relate", "collect/proc", "collect/kinds"),
		"collect/doctor": with("collect/relate", "collect/proc", "collect/kinds", "collect/leaks"),
		"collect":        with(append(aspects, "collect/relate", "collect/proc", "collect/kinds")...),
		"actions": with("collect/relate", "collect", "collect/proc", "collect/kinds", "collect/leaks",
			"collect/waits"),
		"views":      {"collect/schema", "collect/relate", "collect", "collect/kinds", "collect/leaks"},
		"views/once": {"collect/schema", "collect/relate", "collect", "collect/kinds", "collect/leaks", "views"},
		"views/tui": {"collect/schema", "collect/relate", "collect", "collect/kinds", "collect/leaks", "views",
			"actions"},
		"demo": with(),
		"cmd/ipctop": with(append(aspects, "collect/relate", "collect", "collect/proc", "collect/kinds", "views",
			"views/once", "views/tui",
			"actions", "demo", "cmd/ipctop/utillinux")...),
		"cmd/ipctop/utillinux": with(),
		"cmd/ipcs":             {"cmd/ipctop/utillinux", "collect/kernel/sys"},
	}
	maps.Copy(may, rooms)
	return may
}

// kernelRooms lists for each room below kernel the rooms that it may import. No such room imports kernel itself.
func kernelRooms() map[string][]string {
	return map[string][]string{
		"collect/kernel/sys":       {},
		"collect/kernel/scan":      {},
		"collect/kernel/account":   {},
		"collect/kernel/own":       {"collect/kernel/sys"},
		"collect/kernel/vfs":       {"collect/kernel/sys"},
		"collect/kernel/machine":   {"collect/kernel/sys", "collect/kernel/scan", "collect/kernel/vfs"},
		"collect/kernel/fdinfo":    {"collect/kernel/sys", "collect/kernel/scan"},
		"collect/kernel/sysv":      {"collect/kernel/sys", "collect/kernel/scan"},
		"collect/kernel/posix":     {"collect/kernel/sys", "collect/kernel/scan", "collect/kernel/vfs"},
		"collect/kernel/sock":      {"collect/kernel/sys", "collect/kernel/scan"},
		"collect/kernel/namespace": {"collect/kernel/sys", "collect/kernel/scan"},
		"collect/kernel/bpf":       {"collect/kernel/sys"},
		"collect/kernel/undo":      {"collect/kernel/sys", "collect/kernel/bpf"},
		"collect/kernel/blocker":   {"collect/kernel/sys", "collect/kernel/bpf"},
		"collect/kernel/openfile": {"collect/kernel/sys", "collect/kernel/bpf", "collect/kernel/fdinfo",
			"collect/kernel/process", "collect/kernel/vfs"},
		"collect/kernel/task": {"collect/kernel/sys", "collect/kernel/bpf", "collect/kernel/namespace",
			"collect/kernel/process"},
		"collect/kernel/process": {"collect/kernel/sys", "collect/kernel/scan", "collect/kernel/vfs",
			"collect/kernel/fdinfo", "collect/kernel/sysv"},
	}
}

// onlyIn lists for a foreign package the rooms that may import it.
func onlyIn() []struct {
	path  string // the package, and all packages below it
	rooms []string
} {
	return []struct {
		path  string
		rooms []string
	}{
		{"github.com/rivo/tview", []string{"views/tui"}},
		{"github.com/gdamore/tcell", []string{"views/tui"}},
		// It would compile its regular expressions at each start, also for ipcs. Tests compare with it.
		{"github.com/prometheus/procfs", nil},
		{"golang.org/x/sys/unix", append(slices.Sorted(maps.Keys(kernelRooms())), "collect/kernel", "demo")},
		{"github.com/cilium/ebpf", []string{"collect/kernel/bpf", "collect/kernel/undo", "collect/kernel/blocker",
			"collect/kernel/openfile", "collect/kernel/task"}},
		{"os/exec", []string{"demo"}},
	}
}

// brokenRules lists each rule that a package's imports break, one sentence each.
func brokenRules(packages []listedPackage) []string {
	var broken []string
	say := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	for _, p := range packages {
		here := room(p.ImportPath)
		if !p.Standard && len(p.CgoFiles) > 0 {
			say("%s uses cgo", p.ImportPath)
		}
		if here == "" || forTests(here) {
			continue
		}
		allowed, known := mayImport()[here]
		if !known {
			say("%s is no room of the design", here)
		}
		for _, path := range p.Imports {
			if to := room(path); to != "" && !slices.Contains(allowed, to) && known {
				say("%s imports %s", here, to)
			}
			for _, rule := range onlyIn() {
				if (path == rule.path || strings.HasPrefix(path, rule.path+"/")) && !slices.Contains(rule.rooms, here) {
					say("%s imports %s", here, path)
				}
			}
		}
	}
	return broken
}

func TestImportRulesCanFail(t *testing.T) {
	t.Parallel()
	own := func(here string, imports ...string) listedPackage {
		return listedPackage{ImportPath: module + "/" + here, Imports: imports}
	}
	for name, c := range map[string]struct {
		pkg  listedPackage
		want []string
	}{
		"schema is a leaf": {own("collect/schema", "fmt", module+"/collect/kernel"),
			[]string{"collect/schema imports collect/kernel"}},
		"kernel knows its rooms alone": {own("collect/kernel", module+"/collect/kernel/sysv", module+"/collect/schema"),
			[]string{"collect/kernel imports collect/schema"}},
		"rooms do not know kernel": {own("collect/kernel/sysv", module+"/collect/kernel"),
			[]string{"collect/kernel/sysv imports collect/kernel"}},
		"bpf knows no semaphores": {own("collect/kernel/bpf", module+"/collect/kernel/sysv"),
			[]string{"collect/kernel/bpf imports collect/kernel/sysv"}},
		"programs in few rooms only": {own("collect/kernel/sysv", "github.com/cilium/ebpf/asm"),
			[]string{"collect/kernel/sysv imports github.com/cilium/ebpf/asm"}},
		"relate knows only schema": {own("collect/relate", module+"/collect/schema", module+"/collect"),
			[]string{"collect/relate imports collect"}},
		"kinds know no aspect": {own("collect/kinds", module+"/collect/leaks"),
			[]string{"collect/kinds imports collect/leaks"}},
		"the walk knows no kind": {own("collect/proc", module+"/collect/kinds"),
			[]string{"collect/proc imports collect/kinds"}},
		"aspects know no snapshot": {own("collect/waits", module+"/collect"),
			[]string{"collect/waits imports collect"}},
		"collect does not act": {own("collect", module+"/actions"), []string{"collect imports actions"}},
		"collect does not show": {own("collect", module+"/views", module+"/views/once"),
			[]string{"collect imports views", "collect imports views/once"}},
		"views make no system calls": {own("views", module+"/collect/kernel"),
			[]string{"views imports collect/kernel"}},
		"once does not act":          {own("views/once", module+"/actions"), []string{"views/once imports actions"}},
		"actions do not show":        {own("actions", module+"/views"), []string{"actions imports views"}},
		"demo knows only the kernel": {own("demo", module+"/collect"), []string{"demo imports collect"}},
		"tests support nothing else": {own("actions", module+"/collect/kernel/kerneltest"),
			[]string{"actions imports collect/kernel/kerneltest"}},
		"tview in the dashboard only": {own("views/once", "github.com/rivo/tview"),
			[]string{"views/once imports github.com/rivo/tview"}},
		"tcell in the dashboard only": {own("cmd/ipctop", "github.com/gdamore/tcell/v2"),
			[]string{"cmd/ipctop imports github.com/gdamore/tcell/v2"}},
		"procfs in tests only": {own("collect/kernel", "github.com/prometheus/procfs/sysfs"),
			[]string{"collect/kernel imports github.com/prometheus/procfs/sysfs"}},
		"system calls in kernel only": {own("collect", "golang.org/x/sys/unix"),
			[]string{"collect imports golang.org/x/sys/unix"}},
		"nobody runs another program":   {own("actions", "os/exec"), []string{"actions imports os/exec"}},
		"a new room has to be designed": {own("common", "fmt"), []string{"common is no room of the design"}},
		"no cgo": {listedPackage{ImportPath: "example.org/c", CgoFiles: []string{"c.go"}},
			[]string{"example.org/c uses cgo"}},
		"what is allowed passes": {own("views/tui", "fmt", "github.com/rivo/tview", module+"/actions", module+"/views"),
			nil},
		"tests may do what they need": {own("collect/kernel/kerneltest", "os/exec", "golang.org/x/sys/unix"), nil},
		"the standard library may cgo": {listedPackage{ImportPath: "net", Standard: true, CgoFiles: []string{"c.go"}},
			nil},
	} {
		if diff := cmp.Diff(c.want, brokenRules([]listedPackage{c.pkg})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestImportRules(t *testing.T) {
	t.Parallel()
	for _, arch := range []string{"amd64", "arm64"} {
		packages := list(t, arch)
		if !slices.ContainsFunc(packages,
			func(p listedPackage) bool { return room(p.ImportPath) == "collect/kernel" }) {
			t.Fatalf("%s: go list does not show this module", arch)
		}
		for _, says := range brokenRules(packages) {
			t.Errorf("%s: %s", arch, says)
		}
	}
}

// ipcs starts fast as long as it links little: Go initialises every package that a program links.
func TestIpcsLinksLittle(t *testing.T) {
	t.Parallel()
	imports := map[string][]string{}
	standard := map[string]bool{}
	for _, p := range list(t, "amd64") {
		imports[p.ImportPath], standard[p.ImportPath] = p.Imports, p.Standard
	}
	foreign, seen := []string{}, map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if seen[path] || standard[path] {
			return
		}
		seen[path] = true
		if room(path) == "" {
			foreign = append(foreign, path)
		}
		for _, next := range imports[path] {
			visit(next)
		}
	}
	visit(module + "/cmd/ipcs")
	slices.Sort(foreign)
	if diff := cmp.Diff([]string{"github.com/rivo/uniseg", "golang.org/x/sys/unix"}, foreign); diff != "" {
		t.Errorf("cmd/ipcs links these packages of others:\n%s", diff)
	}
}

// list gives this module's packages and all packages that they import, in a build for arch.
func list(t *testing.T, arch string) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,CgoFiles,Imports,Standard", "./...")
	cmd.Dir = topDir(t)
	cmd.Env = append(os.Environ(), "GOARCH="+arch, "GOOS=linux", "CGO_ENABLED=1",
		"GOCACHE="+t.TempDir(), "GOTELEMETRY=off") // HOME may be read-only
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	var packages []listedPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func topDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// strayEntries lists the entries at the top of the project that do not belong there. Names with a dot are allowed.
func strayEntries(entries []string) []string {
	allowed := []string{"go.mod", "go.sum", "README.md", "LICENSE", "cmd", "collect", "actions", "views", "demo"}
	return slices.DeleteFunc(entries,
		func(e string) bool { return slices.Contains(allowed, e) || strings.HasPrefix(e, ".") })
}

func TestTopLevel(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"util"}, strayEntries([]string{".ci", "util", "cmd", "go.mod"})); diff != "" {
		t.Errorf("the rule itself (-want +got):\n%s", diff)
	}
	if stray := strayEntries(topEntries(t)); len(stray) > 0 {
		t.Errorf("no room of the design: %v", stray)
	}
}

// topEntries lists the entries at the top that git knows. In an unpacked archive it lists all of them.
func topEntries(t *testing.T) []string {
	t.Helper()
	// The clone may belong to another user: the test only reads it.
	cmd := exec.Command("git", "-c", "safe.directory=*", "ls-tree", "--name-only", "HEAD")
	cmd.Dir = topDir(t)
	if out, err := cmd.Output(); err == nil {
		return strings.Fields(string(out))
	}
	dir, err := os.ReadDir(topDir(t))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range dir {
		names = append(names, e.Name())
	}
	return names
}

// The map of doc.go names every room.
func TestMapNamesEveryRoom(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, drawn, _ := strings.Cut(string(text), "# The rooms")
	drawn, _, _ = strings.Cut(drawn, "# The path of a shmid")
	words := strings.FieldsFunc(drawn, func(r rune) bool { return strings.ContainsRune(" \t\n,;", r) })
	for _, r := range slices.Sorted(maps.Keys(mayImport())) {
		name := filepath.Base(r)
		if strings.HasPrefix(r, "views/") || strings.HasPrefix(r, "cmd/") {
			name = r
		}
		if !slices.Contains(words, name) {
			t.Errorf("doc.go does not draw %s", r)
		}
	}
}
