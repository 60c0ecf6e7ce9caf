package actions

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestVerbsAreDeclaredInFull(t *testing.T) {
	var names, keys []string
	for _, v := range Verbs() {
		names, keys = append(names, v.Name), append(keys, strings.Fields(v.Keys)...)
		words := map[string]string{"name": v.Name, "title": v.Title, "done": v.Done, "short": v.Short, "keys": v.Keys}
		for what, text := range words {
			if text == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s: its %s is %q", v.Name, what, text)
			}
		}
		if v.Long == "" || !strings.Contains(v.Example, "ipctop "+v.Name) || (v.Kinds == nil) != (v.Instead == nil) {
			t.Errorf("%s: it lacks help, an example, or words for kinds that it does not do", v.Name)
		}
		use := v.Begin()
		if use.Plan == nil || len(use.Takes) > 0 && use.Targets == nil {
			t.Errorf("%s: it cannot be planned, or says not whom it is done to", v.Name)
		}
		for _, m := range collect.Mechanisms() {
			if v.Hint(m.Kind, true) == "" || v.Hint(m.Kind, false) == "" {
				t.Errorf("%s: no hint for its key on %s", v.Name, m.Kind)
			}
			if !v.Does(m.Kind) && v.Instead(schema.Ref{Kind: m.Kind, ID: 7}) == "" {
				t.Errorf("%s: it has nothing to say of %s", v.Name, m.Kind)
			}
		}
		for _, o := range use.Takes {
			checkOption(t, v.Name, &o)
		}
	}
	for _, list := range [][]string{names, keys} {
		if slices.Sort(list); !slices.Equal(slices.Compact(slices.Clone(list)), list) {
			t.Errorf("one is there twice: %q", list)
		}
	}
}

// checkOption checks the fields of an option that commands and menus use.
func checkOption(t *testing.T, verb string, o *Option) {
	t.Helper()
	if o.Name == "" || o.Title == "" || o.Set == nil || o.Word == "" && o.Help == "" ||
		(o.Of == nil) != (o.Idle == "") || (o.Key == "") != (o.Hint == "") {
		t.Errorf("%s %s: incomplete", verb, o.Name)
	}
	if o.Set("no such choice") == nil && len(o.Choices) > 0 {
		t.Errorf("%s %s: takes what is no choice", verb, o.Name)
	}
	if len(o.Choices) > 0 && !slices.Contains(o.Values(), o.Default) {
		t.Errorf("%s %s: %q is no choice", verb, o.Name, o.Default)
	}
	for _, value := range o.Values() {
		if err := o.Set(value); err != nil {
			t.Errorf("%s %s: %v", verb, o.Name, err)
		}
	}
}

// A kind without a removal is refused with a reason: its own words, the words for an object without a name, or the list
// of kinds that can be removed.
func TestKindsWithoutARemoval(t *testing.T) {
	want := map[schema.Kind]string{
		schema.Pipe: "pipe:7: a pipe goes away when its last holder closes it: " +
			"end its holders with ipctop signal TERM --to holders pipe:7",
		schema.EventFD: "eventfd:7: it goes away when its last holder closes it: " +
			"end its holders with ipctop signal TERM --to holders eventfd:7",
		schema.NS: "ns:7: objects of kind ns are not removed: only msg, sem, shm, pmsg, psem, pshm, fifo and unix are",
	}
	var refs []schema.Ref
	for _, m := range collect.Mechanisms() {
		if !Removable(m.Kind) {
			refs = append(refs, schema.Ref{Kind: m.Kind, ID: 7})
		}
	}
	plan := live(t).removal(refs...)
	got := map[schema.Kind]string{}
	for i, r := range plan.Refused {
		says := r.String()
		if _, named := want[refs[i].Kind]; named {
			got[refs[i].Kind] = says
		}
		if strings.Contains(says, "REF") || !strings.HasPrefix(says, refs[i].String()+": ") {
			t.Error(says)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(plan.Steps) > 0 || len(plan.Refused) != len(refs) {
		t.Error(diff, plan.Steps)
	}
}
