package once

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

var graphWriters = []struct {
	name  string
	write func(*bufio.Writer, *collect.Snapshot, *views.Graph) error
}{{"dot", writeDOT}, {"mermaid", writeMermaid}, {"json", writeGraphJSON}}

// GraphOutputs lists the languages of WriteGraph; the first is the default.
func GraphOutputs() []string {
	var names []string
	for _, w := range graphWriters {
		names = append(names, w.name)
	}
	return names
}

// WriteGraph writes a graph of the snapshot. The name of an object is plain text in each language: it cannot inject
// code. An unknown output gives a views.UsageError; any other error comes from w.
func WriteGraph(w io.Writer, s *collect.Snapshot, g *views.Graph, output string) error {
	for _, f := range graphWriters {
		if f.name == output {
			b := bufio.NewWriter(w)
			if err := f.write(b, s, g); err != nil {
				return err
			}
			return b.Flush()
		}
	}
	return CheckGraphOutput(output)
}

// CheckGraphOutput returns a views.UsageError for an unknown output, before anything is read.
func CheckGraphOutput(output string) error {
	if slices.Contains(GraphOutputs(), output) {
		return nil
	}
	return &views.UsageError{Says: fmt.Sprintf("unknown output %q: did you mean %s?", views.Visible(output),
		views.Nearest(output, GraphOutputs()))}
}

// line is one arrow of the picture: all edges of one relation between two objects.
type line struct {
	from, to string // names of nodes
	text     string
	rel      schema.Rel
	inferred bool
}

// nodeNames gives each node a name without quotes: n1, n2, …
func nodeNames(g *views.Graph) map[schema.Ref]string {
	names := make(map[schema.Ref]string, len(g.Nodes))
	for i, n := range g.Nodes {
		names[n.Ref] = fmt.Sprintf("n%d", i+1)
	}
	return names
}

// lines joins the edges that have the same ends and relation. A process that has or is an object can of course end a
// wait on it: lines leaves out that edge.
func lines(g *views.Graph) []line {
	const most = 4 // labels to name
	names := nodeNames(g)
	related := map[[2]schema.Ref]bool{}
	for _, e := range g.Edges {
		if e.Rel != schema.RelCouldEnd && e.Rel != schema.RelWaitsOn {
			related[[2]schema.Ref{e.From, e.To}] = true
		}
	}
	var list []line
	for i := 0; i < len(g.Edges); {
		first := g.Edges[i]
		var how []string
		for ; i < len(g.Edges); i++ {
			e := g.Edges[i]
			if e.From != first.From || e.To != first.To || e.Rel != first.Rel || e.Proof != first.Proof {
				break
			}
			how = append(how, e.Via.String())
		}
		if first.Rel == schema.RelCouldEnd && (first.From == first.To || related[[2]schema.Ref{first.From, first.To}]) {
			continue
		}
		if len(how) > most {
			how = append(how[:most], "…")
		}
		list = append(list, line{names[first.From], names[first.To],
			joined(relWords(first.Rel), strings.Join(how, ", ")),
			first.Rel, first.Proof == schema.Inferred})
	}
	return list
}

func relWords(r schema.Rel) string { return strings.ReplaceAll(string(r), "_", " ") }

// shown makes a text visible, and cuts it to a length that fits into a picture.
func shown(text string) string {
	const most = 80
	text = views.Visible(text)
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// writeDOT writes graphviz's language (graphviz.org/doc/info/lang.html).
func writeDOT(w *bufio.Writer, s *collect.Snapshot, g *views.Graph) error {
	fmt.Fprintf(w, "digraph ipctop {\n\tgraph [rankdir=LR, label=%s];\n\tnode [shape=box, style=rounded];\n",
		dotText(shown(pictureTitle(s))))
	names := nodeNames(g)
	for _, n := range g.Nodes {
		text := dotText(shown(n.Ref.String()), shown(n.Label))
		if n.Ref.Kind == schema.Proc {
			fmt.Fprintf(w, "\t%s [label=%s, style=filled, fillcolor=lightgrey];\n", names[n.Ref], text)
		} else {
			fmt.Fprintf(w, "\t%s [label=%s];\n", names[n.Ref], text)
		}
	}
	for _, l := range lines(g) {
		look := ""
		switch l.rel {
		case schema.RelWaitsOn:
			look += ", color=red, fontcolor=red, penwidth=2.5"
		case schema.RelCouldEnd, schema.RelCreated, schema.RelLastUsed:
			look += ", color=grey50, fontcolor=grey50"
		}
		if l.inferred {
			look += ", style=dashed"
		}
		fmt.Fprintf(w, "\t%s -> %s [label=%s%s];\n", l.from, l.to, dotText(shown(l.text)), look)
	}
	_, err := w.WriteString("}\n")
	return err
}

// dotText quotes lines of text. Inside a quoted string, graphviz interprets quotes, backslashes (\N is a node's name)
// and HTML entities.
func dotText(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`)
	var parts []string
	for _, l := range lines {
		if l != "" {
			parts = append(parts, escape.Replace(l))
		}
	}
	return `"` + strings.Join(parts, `\n`) + `"`
}

func pictureTitle(s *collect.Snapshot) string {
	return "IPC of " + s.Host + " at " + s.Taken.Format(time.RFC3339)
}

// writeMermaid writes a flowchart of Mermaid (mermaid.js.org/syntax/flowchart.html). GitHub and GitLab draw it in their
// pages.
func writeMermaid(w *bufio.Writer, _ *collect.Snapshot, g *views.Graph) error {
	fmt.Fprintln(w, "flowchart LR")
	names := nodeNames(g)
	for _, n := range g.Nodes {
		text := mermaidText(shown(n.Ref.String()))
		if n.Label != "" {
			text += "<br/>" + mermaidText(shown(n.Label))
		}
		open, end := "[", "]"
		if n.Ref.Kind == schema.Proc {
			open, end = "([", "])"
		}
		fmt.Fprintf(w, "    %s%s\"%s\"%s\n", names[n.Ref], open, text, end)
	}
	all := lines(g)
	for _, l := range all {
		arrow := "-->"
		switch {
		case l.inferred:
			arrow = "-.->"
		case l.rel == schema.RelWaitsOn:
			arrow = "==>"
		}
		fmt.Fprintf(w, "    %s %s|\"%s\"| %s\n", l.from, arrow, mermaidText(shown(l.text)), l.to)
	}
	for i, l := range all {
		if l.rel == schema.RelWaitsOn {
			fmt.Fprintf(w, "    linkStyle %d stroke:red,color:red\n", i)
		}
	}
	return nil // Flush returns w's first error
}

// mermaidText writes each special ASCII character as an entity, for example #34; for a quote. Mermaid may read a label
// as Markdown, as HTML or as its own language. The characters of a Ref stay as they are.
func mermaidText(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r > 0x7e, r == ' ', r == ':', r == '/', r == ',', r == '@', r >= '0' && r <= '9', r >= 'A' && r <= 'Z',
			r >= 'a' && r <= 'z':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

// joined puts a blank between two texts, unless b is empty.
func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}

// writeGraphJSON writes one document, with one node or edge per line. An edge is written as in the document of --once.
func writeGraphJSON(w *bufio.Writer, s *collect.Snapshot, g *views.Graph) error {
	d := document{w: w}
	d.head(s)
	d.raw(",\n\"nodes\":[")
	for i, n := range g.Nodes {
		d.comma(i).raw("\n").append(func(b []byte) []byte {
			return appendPairs(b, "ref", n.Ref.String(), "kind", string(n.Ref.Kind), "label", n.Label)
		})
	}
	d.raw("],\n\"edges\":[")
	for i, e := range g.Edges {
		d.comma(i).raw("\n").append(func(b []byte) []byte { return appendEdge(b, &e) })
	}
	d.raw("]").unseen(s)
	d.raw("}\n")
	return d.err
}
