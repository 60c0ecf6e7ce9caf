package once

import (
	"bufio"
	"strconv"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// SchemaVersion is the version of the JSON document. A version may get new keys; it never loses a key.
const SchemaVersion = 1

// begin opens the JSON document of --once -o json, one object per line. README describes the document.
func (d *document) begin(s *collect.Snapshot) {
	d.head(s)
	d.raw(",\n\"objects\":{")
}

func (d *document) section(s *Section) {
	d.comma(d.written).string(string(s.Mechanism.Kind)).raw(":[")
	d.written++
	for n, o := range s.Rows {
		if d.err != nil {
			return
		}
		d.comma(n).raw("\n").append(func(b []byte) []byte { return views.AppendObject(b, o, s.Columns) })
	}
	d.raw("]")
}

// edge writes an edge that touches a row.
func (d *document) edge(e *schema.Edge) {
	if d.beginEdges(); d.shown.touches(e) && d.err == nil {
		d.comma(d.edges).raw("\n").append(func(b []byte) []byte { return appendEdge(b, e) })
		d.edges++
	}
}

func (d *document) beginEdges() {
	if d.shown == nil {
		d.shown = newShownRefs(d.sections)
		d.raw("},\n\"edges\":[")
	}
}

func (d *document) end(s *collect.Snapshot) {
	d.beginEdges()
	d.raw("],\n\"findings\":[")
	for i, f := range s.Findings {
		d.comma(i).raw("\n").append(func(b []byte) []byte { return appendFinding(b, f) })
	}
	d.raw("]").unseen(s)
	d.raw(",\n\"cost\":{\"total\":").float(s.Total.Seconds())
	for _, c := range s.Cost {
		d.raw(",").string(c.Part).raw(":").float(c.Took.Seconds())
	}
	d.raw(",\"source\":").string(string(s.Source)).raw("}}\n")
}

func (d *document) failed() error { return d.err }

// jsonLines writes one JSON object per line: kind, ref, then the columns.
type jsonLines struct{ document }

func (l *jsonLines) begin(*collect.Snapshot) {}

func (l *jsonLines) section(s *Section) {
	for _, o := range s.Rows {
		if l.err != nil {
			return
		}
		l.raw(`{"kind":`).string(string(o.Ref.Kind)).raw(",")
		l.append(func(b []byte) []byte { return views.AppendMembers(b, o, s.Columns) }).raw("}\n")
	}
}

func (l *jsonLines) edge(*schema.Edge) {}

func (l *jsonLines) end(*collect.Snapshot) {}

func appendEdge(b []byte, e *schema.Edge) []byte {
	b = views.AppendText(append(b, `{"from":`...), e.From.Append)
	b = views.AppendText(append(b, `,"to":`...), e.To.Append)
	b = views.AppendString(append(b, `,"rel":`...), string(e.Rel))
	b = views.AppendText(append(b, `,"via":`...), e.Via.Append)
	b = views.AppendString(append(b, `,"proof":`...), string(e.Proof))
	return append(b, '}')
}

func appendFinding(b []byte, f schema.Finding) []byte {
	b = appendPairs(b, "kind", f.Kind, "severity", string(f.Severity), "proof", string(f.Proof))
	b = append(b[:len(b)-1], `,"refs":`...)
	refs := make([]string, len(f.Refs))
	for i, r := range f.Refs {
		refs[i] = r.String()
	}
	b = views.AppendJSON(b, schema.List(refs))
	b = append(b, `,"says":`...)
	b = views.AppendString(b, f.Says)
	b = append(b, `,"evidence":`...)
	b = views.AppendJSON(b, schema.List(f.Evidence))
	b = append(b, `,"advice":`...)
	b = views.AppendString(b, f.Advice)
	return append(b, '}')
}

func appendFault(b []byte, f schema.Fault) []byte {
	b = appendPairs(b, "source", f.Source, "says", f.Says)
	b = append(b[:len(b)-1], `,"denied":`...)
	b = strconv.AppendBool(b, f.Denied)
	b = append(b, `,"count":`...)
	b = strconv.AppendInt(b, int64(f.Count), 10)
	return append(b, '}')
}

func appendPairs(b []byte, pairs ...string) []byte {
	b = append(b, '{')
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = views.AppendString(b, pairs[i])
		b = append(b, ':')
		b = views.AppendString(b, pairs[i+1])
	}
	return append(b, '}')
}

// document writes JSON piece by piece, and keeps the first error.
type document struct {
	w   *bufio.Writer
	buf []byte
	err error

	// of the document of --once
	sections []Section
	written  int        // sections
	shown    *shownRefs // nil before the edges
	edges    int        // written
}

// head opens a document with its schema version, its machine and its time.
func (d *document) head(s *collect.Snapshot) {
	d.raw(`{"schema_version":`).int(SchemaVersion)
	d.raw(`,"taken":`).string(s.Taken.Format(time.RFC3339Nano))
	d.raw(`,"host":`).string(s.Host)
	d.raw(`,"boot_id":`).string(s.BootID)
	d.raw(`,"ipc_namespace":`).int(int64(s.IPCNamespace))
}

// unseen adds the faults: the facts that could not be read.
func (d *document) unseen(s *collect.Snapshot) {
	d.raw(",\n\"faults\":[")
	for i, f := range s.Faults {
		d.comma(i).raw("\n").append(func(b []byte) []byte { return appendFault(b, f) })
	}
	d.raw("],\n\"notes\":").append(func(b []byte) []byte { return views.AppendJSON(b, schema.List(s.Notes)) })
}

func (d *document) append(f func([]byte) []byte) *document {
	d.buf = f(d.buf[:0])
	if _, err := d.w.Write(d.buf); err != nil && d.err == nil {
		d.err = err
	}
	return d
}

func (d *document) raw(s string) *document {
	return d.append(func(b []byte) []byte { return append(b, s...) })
}

func (d *document) string(s string) *document {
	return d.append(func(b []byte) []byte { return views.AppendString(b, s) })
}

func (d *document) int(n int64) *document {
	return d.append(func(b []byte) []byte { return strconv.AppendInt(b, n, 10) })
}

func (d *document) float(f float64) *document {
	return d.append(func(b []byte) []byte { return strconv.AppendFloat(b, f, 'f', 6, 64) })
}

func (d *document) comma(i int) *document {
	if i > 0 {
		d.raw(",")
	}
	return d
}
