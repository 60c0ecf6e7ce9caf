package once

import (
	"bufio"
	"io"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
)

// record is an output for programs. It is written part by part, in this order: begin, each section, the edges, end. So
// no output keeps a whole document. failed is the first error of the writer.
type record interface {
	begin(s *collect.Snapshot)
	section(s *Section)
	edge(e *schema.Edge)
	end(s *collect.Snapshot)
	failed() error
}

// newRecord makes the record that writes an output; nil: the output is no record, since people read it.
func newRecord(w *bufio.Writer, sections []Section, o Options) record {
	switch o.Output {
	case "json":
		return &document{w: w, sections: sections}
	case "jsonl":
		return &jsonLines{document{w: w}}
	case "csv":
		return newCSVTable(w, sections, o)
	}
	return nil
}

// writeRecord writes a snapshot that is there already.
func writeRecord(w *bufio.Writer, s *collect.Snapshot, sections []Section, o Options) error {
	r := newRecord(w, sections, o)
	r.begin(s)
	for i := range sections {
		r.section(&sections[i])
	}
	for i := range s.Edges {
		r.edge(&s.Edges[i])
	}
	r.end(s)
	return r.failed()
}

// Stream writes a snapshot while it is collected: a goroutine encodes the kinds that are there. Its Parts are for one
// call of Collector.TakeParts. After Wait the sections have their rows, and Close writes the end.
type Stream struct {
	w        *bufio.Writer
	out      record
	sections []Section
	choose   func(*Section, []*schema.Object)
	work     chan func() // for the goroutine; closed after the last kind
	done     chan struct{}
	found    map[schema.Kind][]*schema.Object // kinds whose section waits for an earlier section
	next     int                              // the section to write next
	waited   bool
}

// NewStream begins a Stream to w. choose puts the objects that belong to a section into its Rows; it is called in
// another goroutine. NewStream returns nil for an output that needs the whole snapshot: a table is as wide as its
// widest cell.
func NewStream(w io.Writer, sections []Section, o Options, choose func(*Section, []*schema.Object)) *Stream {
	s := &Stream{w: bufio.NewWriterSize(w, bufferSize), sections: sections, choose: choose, done: make(chan struct{}),
		work:  make(chan func(), len(sections)+1), // the collector never waits
		found: map[schema.Kind][]*schema.Object{}}
	if s.out = newRecord(s.w, sections, o); s.out == nil {
		return nil
	}
	go func() {
		defer close(s.done)
		for do := range s.work {
			do()
		}
	}()
	return s
}

// Parts receive the snapshot.
func (s *Stream) Parts() collect.Parts {
	return collect.Parts{
		Begin: func(snap *collect.Snapshot) { s.work <- func() { s.out.begin(snap) } },
		Objects: func(kind schema.Kind, objects []*schema.Object) {
			s.work <- func() { s.write(kind, objects) }
		},
		Edge: func(e schema.Edge) {
			s.Wait()
			s.out.edge(&e)
		},
	}
}

// write writes the sections up to the first one whose kind is not there.
func (s *Stream) write(kind schema.Kind, objects []*schema.Object) {
	s.found[kind] = objects
	for ; s.next < len(s.sections); s.next++ {
		section := &s.sections[s.next]
		objects, ok := s.found[section.Mechanism.Kind]
		if !ok {
			return
		}
		s.choose(section, objects)
		s.out.section(section)
	}
}

// Wait waits until all sections have their rows, and are written.
func (s *Stream) Wait() {
	if !s.waited {
		s.waited = true
		close(s.work)
		<-s.done
	}
}

// Close writes the end of the snapshot. The error is the first one of w.
func (s *Stream) Close(snap *collect.Snapshot) error {
	s.Wait()
	s.out.end(snap)
	if err := s.out.failed(); err != nil {
		return err
	}
	return s.w.Flush()
}

// bufferSize is the number of bytes of an output that are written at once.
const bufferSize = 64 << 10
