package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/schema"
)

// diagnosed returns the findings of the mechanisms, without leaks. There may be thousands of leaks, and orphans counts
// them.
func diagnosed(x *examination) []schema.Finding {
	return slices.DeleteFunc(slices.Clone(x.snap.Findings), isLeak)
}

func isLeak(f schema.Finding) bool { return f.Kind == leaks.FindingKind }

// orphans counts the leaked objects of each kind.
func orphans(x *examination) []schema.Finding {
	byKind := map[schema.Kind][]schema.Ref{}
	here := map[schema.Ref]bool{}
	for _, m := range x.snap.Kinds {
		for _, o := range x.snap.Objects[m.Kind] {
			here[o.Ref] = placeOf(o).space == x.at.space
		}
	}
	for _, f := range x.snap.Findings {
		if isLeak(f) && here[f.Refs[0]] {
			byKind[f.Refs[0].Kind] = append(byKind[f.Refs[0].Kind], f.Refs[0])
		}
	}
	var all []schema.Finding
	for _, m := range x.snap.Kinds {
		if refs := byKind[m.Kind]; len(refs) > 0 {
			all = append(all, x.orphansOf(m, refs))
		}
	}
	return all
}

func (x *examination) orphansOf(m *kinds.Mechanism, refs []schema.Ref) schema.Finding {
	sizes := make(map[schema.Ref]orphan, len(x.snap.Objects[m.Kind]))
	for _, o := range x.snap.Objects[m.Kind] {
		sizes[o.Ref] = orphan{bytes: leaks.Bytes(m, o), path: pathOf(o), owner: ownerOf(o)}
	}
	slices.SortStableFunc(refs, func(a, b schema.Ref) int { return cmp.Compare(sizes[b].bytes, sizes[a].bytes) })
	var total uint64
	var lines []string
	for _, r := range refs {
		o := sizes[r]
		total += o.bytes
		line := r.String()
		if o.path != "" {
			line += " " + o.path
		}
		if o.owner != "" {
			line += " of " + o.owner
		}
		if o.bytes > 0 {
			line += ", " + inBytesWords(o.bytes)
		}
		lines = append(lines, line)
	}
	f := schema.Finding{Kind: leaks.FindingKind, Severity: schema.Warning, Proof: schema.Observed, Refs: refs,
		Evidence: firstOf(5, lines),
		Advice:   "`" + x.leaksCommand() + "` tells of each why, and the command that removes it"}
	f.Says = fmt.Sprintf("%d orphans among the %s: nobody uses them, and nobody is left who could know them", len(refs),
		lowerFirst(m.Title))
	if len(refs) == 1 {
		f.Says = fmt.Sprintf("an orphan among the %s: nobody uses it, and nobody is left who could know it",
			lowerFirst(m.Title))
	}
	if total > 0 {
		f.Says += fmt.Sprintf("; %s to win", inBytesWords(total))
	}
	return f
}

// leaksCommand is the command that lists the orphans of the place, judged with the same grace time.
func (x *examination) leaksCommand() string {
	command := "ipctop leaks"
	if x.at.space != 0 {
		command += " -A"
	}
	if x.snap.Grace != "" {
		command += " --grace " + x.snap.Grace
	}
	return command
}

// lowerFirst is a title inside a sentence. The names "System V", "POSIX", "FIFO" and "UNIX" keep their capital letters.
func lowerFirst(title string) string {
	if strings.HasPrefix(title, "System V") || strings.HasPrefix(title, "POSIX") || strings.HasPrefix(title, "FIFO") ||
		strings.HasPrefix(title, "UNIX") {
		return title
	}
	return strings.ToLower(title[:1]) + title[1:]
}

// orphan is what the report shows of a leaked object.
type orphan struct {
	bytes uint64 // of memory; 0: unknown
	path  string // of a FIFO, because its reference holds only numbers
	owner string // "": the kind has no owner
}

// pathOf returns the path of a FIFO.
func pathOf(o *schema.Object) string {
	if r, ok := o.Row.(*kinds.PipeRow); ok {
		return r.Path
	}
	return ""
}

func ownerOf(o *schema.Object) string {
	switch r := o.Row.(type) {
	case *kinds.MsgRow:
		return r.Owners.User
	case *kinds.SemRow:
		return r.Owners.User
	case *kinds.ShmRow:
		return r.Owners.User
	case *kinds.PMsgRow:
		return r.User
	case *kinds.PSemRow:
		return r.User
	case *kinds.PShmRow:
		return r.User
	case *kinds.PipeRow:
		return r.Owner.Str()
	case *kinds.UnixRow:
		return r.Owner.Str()
	}
	return ""
}
