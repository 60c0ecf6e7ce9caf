package once

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// No text of the machine is a formula to a spreadsheet. Numbers stay numbers.
func TestCSVCells(t *testing.T) {
	for want, v := range map[string]schema.Value{
		`'=cmd|' /C calc'!A0`: schema.String("=cmd|' /C calc'!A0"),
		"'+1":                 schema.String("+1"),
		"'-1+2":               schema.String("-1+2"),
		"'@SUM(A1)":           schema.Name("@SUM(A1)"),
		"' =1":                schema.String(" =1"),
		"'\uff1d1":            schema.String("\uff1d1"),
		"'=1,2":               schema.List([]string{"=1", "2"}),
		`\x09=1`:              schema.String("\t=1"),
		`\x0d=1`:              schema.String("\r=1"),
		`a\x1bb`:              schema.String("a\x1bb"),
		"'":                   schema.String("'"),
		"a=1":                 schema.String("a=1"),
		"-1":                  schema.Int(-1),
		"-0.5":                schema.Float(-0.5),
		"":                    schema.None(schema.TypeString),
		"denied":              schema.Refused(schema.TypeString),
	} {
		line := string(appendCSVCell([]byte("before,"), v, views.Format{Bytes: true})) + ",after"
		got, err := csv.NewReader(strings.NewReader(line)).Read()
		if diff := cmp.Diff([]string{"before", want, "after"}, got); err != nil || diff != "" {
			t.Errorf("%+v: %v\n%s", v, err, diff)
		}
	}
}

// A field has quotes where encoding/csv writes them.
func TestCSVQuotes(t *testing.T) {
	for _, text := range []string{"", "a", "a b", " a", "a ", "a,b", `say "a"`, `"`, `\.`, `\.a`, "\u00a0a",
		"\u2003", "é", "a\nb", "\xff", ",", "'", "a;b", "\ta"} {
		var want strings.Builder
		w := csv.NewWriter(&want)
		if err := w.Write([]string{"x", text}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		if got := string(endCSVField(append([]byte("x,"), text...), 2)) + "\n"; got != want.String() {
			t.Errorf("%q is %q, want %q", text, got, want.String())
		}
	}
}
