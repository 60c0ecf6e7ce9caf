package once

import (
	"testing"

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
		if got := csvCell(v, views.Format{Bytes: true}); got != want {
			t.Errorf("%+v is %q, want %q", v, got, want)
		}
	}
}
