package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/ipctop/ipctop/views"
)

// leaks -A names the container of each object, as doctor -A does. Without -A nobody pays for it.
func TestLeaksOfAllNamespacesNameTheContainer(t *testing.T) {
	t.Parallel()
	mechs, err := views.SelectLeaks(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for name, f := range map[string]onceFlags{"leaks": {output: "table", leaks: true},
		"leaks -A": {output: "table", leaks: true, all: true}} {
		f.flags = pflag.NewFlagSet(name, pflag.ContinueOnError)
		sections, _, err := f.sections(mechs)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sections {
			for _, c := range sections[i].Columns {
				if c.ID == "container" {
					got[name+" "+string(sections[i].Mechanism.Kind)] = true
				}
			}
		}
	}
	want := map[string]bool{}
	for _, m := range mechs {
		if _, ok := m.Column("container"); ok {
			want["leaks -A "+string(m.Kind)] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
