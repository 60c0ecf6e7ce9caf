package once_test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

func proc(pid uint64) schema.Ref         { return schema.Ref{Kind: schema.Proc, ID: pid} }
func sem(id uint64) schema.Ref           { return schema.Ref{Kind: schema.Sem, ID: id} }
func named(name string) schema.Ref       { return schema.Ref{Kind: schema.PShm, Name: name} }
func written(s string) (lines []string)  { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }
func observed(e schema.Edge) schema.Edge { e.Proof = schema.Observed; return e }

func snapshot() *collect.Snapshot {
	return &collect.Snapshot{Host: "box", BootID: "b", IPCNamespace: 9, Taken: time.Unix(0, 0).UTC(),
		Notes:  []string{"a note"},
		Faults: []schema.Fault{{Source: "fd", Says: "no", Denied: true, Count: 2}}}
}

// deadlockGraph has two processes that each hold the object the other waits for, and a third process outside the
// deadlock.
func deadlockGraph() *views.Graph {
	edge := func(from, to schema.Ref, rel schema.Rel, via string) schema.Edge {
		return observed(schema.Edge{From: from, To: to, Rel: rel, Via: schema.InWords(via)})
	}
	return &views.Graph{
		Nodes: []views.Node{{Ref: proc(1), Label: "a"}, {Ref: proc(2), Label: "b"}, {Ref: proc(3)},
			{Ref: sem(5), Label: "0x11"}},
		Edges: []schema.Edge{
			edge(proc(1), sem(5), schema.RelCouldEnd, "holds it"),
			edge(proc(1), sem(5), schema.RelHolds, "SEM_UNDO [0]+1"),
			edge(proc(1), sem(5), schema.RelWaitsOn, "semop [1] -1"),
			edge(proc(2), sem(5), schema.RelCouldEnd, "holds it"),
			edge(proc(2), sem(5), schema.RelReads, "fd 3"),
			edge(proc(2), sem(5), schema.RelReads, "fd 4"),
			edge(proc(2), sem(5), schema.RelReads, "fd 5"),
			edge(proc(2), sem(5), schema.RelReads, "fd 6"),
			edge(proc(2), sem(5), schema.RelReads, "fd 7"),
			{From: proc(3), To: sem(5), Rel: schema.RelLastUsed, Via: schema.InWords("semop"), Proof: schema.Inferred},
			edge(proc(3), sem(5), schema.RelCouldEnd, ""),
			edge(proc(3), proc(3), schema.RelCouldEnd, "is the process that it waits for"),
		},
	}
}

func TestGraphLanguages(t *testing.T) {
	want := map[string]string{
		"dot": `digraph ipctop {
	graph [rankdir=LR, label="IPC of box at 1970-01-01T00:00:00Z"];
	node [shape=box, style=rounded];
	n1 [label="proc:1\na", style=filled, fillcolor=lightgrey];
	n2 [label="proc:2\nb", style=filled, fillcolor=lightgrey];
	n3 [label="proc:3", style=filled, fillcolor=lightgrey];
	n4 [label="sem:5\n0x11"];
	n1 -> n4 [label="holds SEM_UNDO [0]+1"];
	n1 -> n4 [label="waits on semop [1] -1", color=red, fontcolor=red, penwidth=2.5];
	n2 -> n4 [label="reads fd 3, fd 4, fd 5, fd 6, …"];
	n3 -> n4 [label="last used semop", color=grey50, fontcolor=grey50, style=dashed];
}
`,
		"mermaid": `flowchart LR
    n1(["proc:1<br/>a"])
    n2(["proc:2<br/>b"])
    n3(["proc:3"])
    n4["sem:5<br/>0x11"]
    n1 -->|"holds SEM#95;UNDO #91;0#93;#43;1"| n4
    n1 ==>|"waits on semop #91;1#93; #45;1"| n4
    n2 -->|"reads fd 3, fd 4, fd 5, fd 6, …"| n4
    n3 -.->|"last used semop"| n4
    linkStyle 1 stroke:red,color:red
`,
		"json": `{"schema_version":1,"taken":"1970-01-01T00:00:00Z","host":"box","boot_id":"b","ipc_namespace":9,
"nodes":[
{"ref":"proc:1","kind":"proc","label":"a"},
{"ref":"proc:2","kind":"proc","label":"b"},
{"ref":"proc:3","kind":"proc","label":""},
{"ref":"sem:5","kind":"sem","label":"0x11"}],
"edges":[
{"from":"proc:1","to":"sem:5","rel":"could_end","via":"holds it","proof":"observed"},
{"from":"proc:1","to":"sem:5","rel":"holds","via":"SEM_UNDO [0]+1","proof":"observed"},
{"from":"proc:1","to":"sem:5","rel":"waits_on","via":"semop [1] -1","proof":"observed"},
{"from":"proc:2","to":"sem:5","rel":"could_end","via":"holds it","proof":"observed"},
{"from":"proc:2","to":"sem:5","rel":"reads","via":"fd 3","proof":"observed"},
{"from":"proc:2","to":"sem:5","rel":"reads","via":"fd 4","proof":"observed"},
{"from":"proc:2","to":"sem:5","rel":"reads","via":"fd 5","proof":"observed"},
{"from":"proc:2","to":"sem:5","rel":"reads","via":"fd 6","proof":"observed"},
{"from":"proc:2","to":"sem:5","rel":"reads","via":"fd 7","proof":"observed"},
{"from":"proc:3","to":"sem:5","rel":"last_used","via":"semop","proof":"inferred"},
{"from":"proc:3","to":"sem:5","rel":"could_end","via":"","proof":"observed"},
{"from":"proc:3","to":"proc:3","rel":"could_end","via":"is the process that it waits for","proof":"observed"}],
"faults":[
{"source":"fd","says":"no","denied":true,"count":2}],
"notes":["a note"]}
`}
	for _, output := range once.GraphOutputs() {
		if diff := cmp.Diff(want[output], graphText(t, deadlockGraph(), output)); diff != "" {
			t.Errorf("%s:\n%s", output, diff)
		}
	}
}

func graphText(tb testing.TB, g *views.Graph, output string) string {
	tb.Helper()
	var b bytes.Buffer
	if err := once.WriteGraph(&b, snapshot(), g, output); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// hostileGraph has the same text in every place of a graph that takes a text.
func hostileGraph(text string) *views.Graph {
	return &views.Graph{
		Nodes: []views.Node{{Ref: named("/" + text), Label: text}, {Ref: proc(1), Label: text}},
		Edges: []schema.Edge{{From: proc(1), To: named("/" + text), Rel: schema.RelWaitsOn, Via: schema.InWords(text),
			Proof: schema.Inferred}},
	}
}

// The lines of a graph of two nodes and one edge, for any name.
var (
	dotLine     = regexp.MustCompile(`^\tn(1|2|1 -> n2|2 -> n1) \[label=("(?:[^"\\]|\\.)*")[a-z0-9=., ]*\];$`)
	mermaidLine = regexp.MustCompile(`^    n(?:1\["([^"]*)"\]|2\(\["([^"]*)"\]\)|2 -\.->\|"([^"]*)"\| n1)$`)
	entity      = regexp.MustCompile(`#(\d+);`)
)

func checkHostile(t *testing.T, text string) {
	shown := views.Visible(text)
	if len([]rune(shown)) > 60 || text == "" {
		return // the text is cut
	}
	g := hostileGraph(text)
	// TestRefsOfHostileNames holds the text of the reference.
	want := []string{views.Visible(named("/"+text).String()) + "\n" + shown, "proc:1\n" + shown, "waits on " + shown}
	var got []string
	unescape := strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `&amp;`, `&`)
	lines := written(graphText(t, g, "dot"))
	for _, line := range lines[3 : len(lines)-1] {
		m := dotLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%q: the line %q is none of DOT", text, line)
		}
		got = append(got, unescape.Replace(m[2][1:len(m[2])-1]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dot of %q: %s", text, diff)
	}
	got = nil
	lines = written(graphText(t, g, "mermaid"))
	for _, line := range lines[1 : len(lines)-1] {
		m := mermaidLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%q: the line %q is none of Mermaid", text, line)
		}
		inside := m[1] + m[2] + m[3]
		if strings.ContainsAny(strings.ReplaceAll(inside, "<br/>", ""), "<>&`*_[](){}|\\-~") {
			t.Errorf("%q: %q has signs that mean something", text, inside)
		}
		got = append(got, entity.ReplaceAllStringFunc(strings.ReplaceAll(inside, "<br/>", "\n"), func(e string) string {
			n, err := strconv.Atoi(e[1 : len(e)-1])
			if err != nil {
				t.Fatal(err)
			}
			return string(rune(n))
		}))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mermaid of %q: %s", text, diff)
	}
}

func hostileNames() []string {
	return append(collecttest.Hostile(), `"]; evil [label="`, `\`, `\"`, `\N`, `x\nend`, `&lt;b&gt;`, `<b>bold</b>`,
		"`code`", `a --> b`, `-->|x|`, `"]-->n9["`, `end`, `%% comment`,
		`#quot;`, `#35;`, `1. list`, `- list`, `**bold**`, `click n1 "javascript:alert(1)"`, `{{x}}`, `subgraph`,
		`;`, `a;b`)
}

func TestGraphOfHostileNames(t *testing.T) {
	for _, text := range hostileNames() {
		checkHostile(t, text)
	}
}

func FuzzGraph(f *testing.F) {
	for _, text := range hostileNames() {
		f.Add(text)
	}
	f.Fuzz(checkHostile)
}

// A long name is cut before it is escaped.
func TestGraphCutsLongNames(t *testing.T) {
	lines := written(graphText(t, hostileGraph(strings.Repeat(`"\`, 100)), "dot"))
	want := "\tn2 [label=\"proc:1\\n" + strings.Repeat(`\"\\`, 39) + `\"…", style=filled, fillcolor=lightgrey];`
	if diff := cmp.Diff(want, lines[4]); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownGraphOutput(t *testing.T) {
	err := once.WriteGraph(new(bytes.Buffer), snapshot(), deadlockGraph(), "mermiad\n")
	if want := `unknown output "mermiad\\x0a": did you mean mermaid?`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
