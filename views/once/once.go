// Package once writes one snapshot as text, JSON, JSON lines or CSV.
package once

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// Options control how a snapshot is written.
type Options struct {
	Output     string // one of Outputs
	NoHeadings bool   // table and csv
	Leaks      bool   // the sections come from the view of leaks; its table is for people
	Sorted     bool   // the person chose an order
	Chosen     bool   // the person chose columns
	Format     views.Format

	// Of the view of leaks:
	By string // a column of SumColumns: a table of sums in place of the objects; "": none
	// for the commands that remove the orphans; nil: no command, as the objects are not of this machine
	Removal *Removal
	User    *uint32      // an ordinary user, whose objects come first; nil: all objects count the same
	orphans []views.Leak // all orphans of the look
}

// Section is the table of one kind with its rows.
type Section struct {
	views.Table
	Rows  []*schema.Object
	Below *schema.Column // a column of lists that stand below the rows of the table; nil: none
}

type writer func(w *bufio.Writer, s *collect.Snapshot, sections []Section, o Options) error

var writers = []struct {
	name  string
	write writer
}{{"table", writeTables}, {"json", writeRecord}, {"jsonl", writeRecord}, {"csv", writeRecord}}

// Outputs lists the formats of Write; the first is the default.
func Outputs() []string {
	var names []string
	for _, w := range writers {
		names = append(names, w.name)
	}
	return names
}

// Columns returns the default columns of a format for a kind. A table has the mechanism's defaults. JSON has all
// columns that cost nothing per object.
func Columns(output string, m *kinds.Mechanism) []schema.Column {
	if output == "json" || output == "jsonl" {
		return views.RecordColumns(m)
	}
	return views.DefaultColumns(m)
}

// LeakColumns is Columns for the view of leaks: JSON also has the verdict and its reasons.
func LeakColumns(output string, m *kinds.Mechanism) []schema.Column {
	columns := views.LeakColumns(m)
	if output != "json" && output != "jsonl" {
		return columns
	}
	all := views.RecordColumns(m)
	for _, c := range columns {
		if !slices.ContainsFunc(all, func(has schema.Column) bool { return has.ID == c.ID }) {
			all = append(all, c)
		}
	}
	return all
}

// Write writes the sections. An unknown output gives a views.UsageError; any other error comes from w.
func Write(w io.Writer, s *collect.Snapshot, sections []Section, o Options) error {
	for _, format := range writers {
		if format.name == o.Output {
			b := bufio.NewWriterSize(w, bufferSize)
			write := format.write
			if o.Leaks && o.Output == "table" {
				write = writeLeaks
			}
			if err := write(b, s, sections, o); err != nil {
				return err
			}
			return b.Flush()
		}
	}
	return CheckOutput(o.Output)
}

// CheckOutput returns a views.UsageError for an unknown format.
func CheckOutput(name string) error {
	for _, o := range Outputs() {
		if o == name {
			return nil
		}
	}
	says := fmt.Sprintf("unknown output %q: say one of table, json, jsonl, csv", views.Visible(name))
	return &views.UsageError{Says: says}
}
