package once

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestWriteFindings(t *testing.T) {
	s := &collect.Snapshot{
		Findings: []schema.Finding{
			{Kind: "limit", Severity: schema.Critical,
				Says: "a sentence that is so long that it takes two lines, since no line is longer than " +
					"eighty columns",
				Evidence: []string{"a number", strings.Repeat("x", 90)},
				Advice: "now run `a command with a blank in every place where one could be, which a line break " +
					"would hurt` and look"},
			{Kind: "dev-shm", Severity: schema.Info, Says: "\x1b[31mred"},
		},
		Faults: []schema.Fault{{Source: "fd", Says: "no rights"}},
		Notes:  []string{"a note"},
	}
	var b bytes.Buffer
	if err := WriteFindings(&b, s, []string{"one thing", "another"}); err != nil {
		t.Fatal(err)
	}
	want := `CRITICAL: a sentence that is so long that it takes two lines, since no line is
  longer than eighty columns
  - a number
  - ` + strings.Repeat("x", 90) + `
  To do: now run
    ` + "`a command with a blank in every place where one could be, which a line break would hurt`" + `
    and look

INFO: \x1b[31mred

1 critical, 1 note. There may be more in what could not be looked into, below.
Checked: one thing, another.
Not seen: fd: no rights
Note: a note
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWriteFindingsThatAreAlike(t *testing.T) {
	s := &collect.Snapshot{}
	for pid := range uint64(12) {
		for _, kind := range []string{"deadlock", "stuck"} {
			if kind == "deadlock" || pid == 7 || pid == 8 {
				s.Findings = append(s.Findings,
					schema.Finding{Kind: kind, Severity: schema.Critical,
						Refs: []schema.Ref{{Kind: schema.Proc, ID: pid}},
						Says: fmt.Sprint(kind, " of ", pid), Advice: "end it", Alike: kind})
			}
		}
	}
	var b bytes.Buffer
	if err := WriteFindings(&b, s, []string{"waits"}); err != nil {
		t.Fatal(err)
	}
	want := `CRITICAL: deadlock of 0
  To do: end it
  And 11 more like it, with proc:1, proc:2, proc:3, proc:4, proc:5, proc:6,
    proc:7, proc:8, …: ` + "`-o json`" + ` tells of each.

CRITICAL: stuck of 7
  To do: end it
  And 1 more like it, with proc:8: ` + "`-o json`" + ` tells of each.

14 critical. Checked: waits.
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// words keeps every word of any text, in order. A word holds a blank only between backquotes.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"", "a b", "a `b c` d", "`", "a ` b", "``  ``", "x`y z`", " a  \tb "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsFunc(text,
			func(r rune) bool { return r != ' ' && (unicode.IsSpace(r) || !unicode.IsPrint(r)) }) {
			return // Visible has escaped these
		}
		all := words(text)
		if got, want := strings.Fields(strings.Join(all, " ")), strings.Fields(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		for _, w := range all {
			if w == "" || strings.Contains(w, " ") && strings.Count(w, "`") < 2 {
				t.Errorf("%q: %q is no word", text, w)
			}
		}
	})
}
