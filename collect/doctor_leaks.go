package collect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// diagnosed are the verdicts that the mechanisms came to, but on leaks, of which there may be thousands.
func diagnosed(x *examination) []schema.Finding {
	return slices.DeleteFunc(slices.Clone(x.snap.Findings), isLeak)
}

func isLeak(f schema.Finding) bool { return f.Kind == leakFinding }

// orphans counts what is leaked, by kind.
func orphans(x *examination) []schema.Finding {
	byKind := map[schema.Kind][]schema.Ref{}
	for _, f := range x.snap.Findings {
		if isLeak(f) {
			byKind[f.Refs[0].Kind] = append(byKind[f.Refs[0].Kind], f.Refs[0])
		}
	}
	var all []schema.Finding
	for _, m := range Mechanisms() {
		if refs := byKind[m.Kind]; len(refs) > 0 {
			all = append(all, x.orphansOf(m, refs))
		}
	}
	return all
}

func (x *examination) orphansOf(m *Mechanism, refs []schema.Ref) schema.Finding {
	size := func(r schema.Ref) uint64 {
		for _, id := range []string{"allocated", "size", "usedbytes"} { // bytes of memory
			if c, ok := m.Column(id); ok {
				return c.Get(x.snap.Find(r)).Uint()
			}
		}
		return 0
	}
	slices.SortStableFunc(refs, func(a, b schema.Ref) int { return cmp.Compare(size(b), size(a)) })
	var total uint64
	var lines []string
	for _, r := range refs {
		total += size(r)
		line := r.String()
		if c, ok := m.Column("path"); ok && r.Name == "" && c.Get(x.snap.Find(r)).IsKnown() { // a FIFO's reference holds numbers
			line += " " + c.Get(x.snap.Find(r)).Str()
		}
		if c, ok := m.Column("owner"); ok {
			line += " of " + c.Get(x.snap.Find(r)).Str()
		}
		if n := size(r); n > 0 {
			line += ", " + inBytesWords(n)
		}
		lines = append(lines, line)
	}
	f := schema.Finding{Kind: leakFinding, Severity: schema.Warning, Proof: schema.Observed, Refs: refs, Evidence: firstOf(5, lines),
		Advice: "`ipctop leaks` tells of each why, and the command that removes it"}
	f.Says = fmt.Sprintf("%d orphans among the %s: nobody uses them, and nobody is left who could know them", len(refs), lowerFirst(m.Title))
	if len(refs) == 1 {
		f.Says = fmt.Sprintf("an orphan among the %s: nobody uses it, and nobody is left who could know it", lowerFirst(m.Title))
	}
	if total > 0 {
		f.Says += fmt.Sprintf("; %s to win", inBytesWords(total))
	}
	return f
}

// lowerFirst is a title within a sentence: "System V" and "POSIX" stay.
func lowerFirst(title string) string {
	if strings.HasPrefix(title, "System V") || strings.HasPrefix(title, "POSIX") || strings.HasPrefix(title, "FIFO") || strings.HasPrefix(title, "UNIX") {
		return title
	}
	return strings.ToLower(title[:1]) + title[1:]
}
