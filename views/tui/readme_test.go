package tui

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/collecttest"
)

// The README's table of keys has every key of a table and of an object's page.
func TestReadmeNamesEveryKey(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(read(t, "../../README.md"), "| keys | what they do |\n")
	table, _, _ := strings.Cut(rest, "\n\n")
	var named []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1) {
		named = append(named, m[1])
	}
	if len(named) == 0 {
		t.Fatal("README.md has no table of keys")
	}
	r := openRig(t, collecttest.Sample(t).Root, 80, 24, nil)
	missing := map[string]bool{}
	check := func(a *app) {
		taken := map[string]bool{}
		for _, b := range a.top().keymap() {
			for key := range strings.FieldsSeq(b.keys) {
				if taken[key] {
					t.Errorf("two bindings have the key %s: the later one is dead", key)
				}
				taken[key] = true
				first, _, _ := strings.Cut(keysText(key), "…")
				missing[first] = !slices.Contains(named, first)
			}
		}
	}
	for i := range r.app.tabs {
		r.press(r.app.tabKey(i))
		r.inside(check)
	}
	r.press("1")
	r.waitUntil("rows", func(s state) bool { return s.rows > 0 })
	r.press("Enter")
	r.inside(check)
	for key, is := range missing {
		if is {
			t.Errorf("README.md does not name the key `%s`", key)
		}
	}
	for _, first := range []string{"Esc", "Ctrl-W", "1", "W", "F9"} {
		if _, declared := missing[first]; !declared {
			t.Errorf("no keymap declares %s", first)
		}
	}
}
