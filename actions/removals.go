package actions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// removal is how the objects of a kind are removed, or what frees them instead.
type removal struct {
	kind    schema.Kind
	plan    func(*survey, schema.Ref) (Step, error) // nil: there is no removal
	instead string                                  // a sentence in which REF stands for the object
}

// removals are the kinds with a removal, each in a file of its own, and those that take other words than the usual.
func removals() []removal {
	return []removal{
		{kind: schema.Msg, plan: (*survey).removeMsg},
		{kind: schema.Sem, plan: (*survey).removeSem},
		{kind: schema.Shm, plan: (*survey).removeShm},
		{kind: schema.PMsg, plan: (*survey).removePosix},
		{kind: schema.PSem, plan: (*survey).removePosix},
		{kind: schema.PShm, plan: (*survey).removePosix},
		{kind: schema.Proc, instead: "a process is not removed: end it with ipctop signal TERM REF"},
		{kind: schema.Pipe, instead: "a pipe goes away when its last holder closes it: end its holders with " + endHolders},
		{kind: schema.Fifo, instead: "a FIFO is a file: rm its path; what is open stays until its holders end " +
			"(" + endHolders + ")"},
		{kind: schema.Limit, instead: "a limit is not removed: set it with sysctl"},
		{kind: schema.Memfd, instead: "memory without a name goes away when its last user has closed and unmapped it: " +
			"end those with " + endHolders},
		{kind: schema.Mmap, instead: "it is a file: rm its path; what is mapped stays until those who map it end " +
			"(" + endHolders + ")"},
		{kind: schema.Lock, instead: "a lock goes away when its holder gives it up or ends: " + endHolders},
		{kind: schema.Unix, instead: socketCloses},
		{kind: schema.Inet, instead: socketCloses},
	}
}

const (
	endHolders   = "ipctop signal TERM --to holders REF"
	socketCloses = "a socket goes away when its last holder closes it: end its holders with " + endHolders
)

func removalOf(k schema.Kind) removal {
	all := removals()
	if i := slices.IndexFunc(all, func(r removal) bool { return r.kind == k }); i >= 0 {
		return all[i]
	}
	return removal{kind: k}
}

// Removable says whether objects of this kind can be removed at all.
func Removable(k schema.Kind) bool { return removalOf(k).plan != nil }

// insteadOfRemoving says why an object has no removal, and what frees it.
func insteadOfRemoving(r schema.Ref) string {
	says := removalOf(r.Kind).instead
	if says == "" {
		says = usuallyInstead(r.Kind)
	}
	return strings.ReplaceAll(says, "REF", r.String())
}

// usuallyInstead are the words for a kind that has none of its own: an object that is nothing but its open descriptors
// goes with the last of these.
func usuallyInstead(k schema.Kind) string {
	all := collect.Mechanisms()
	i := slices.IndexFunc(all, func(m *kinds.Mechanism) bool { return m.Kind == k })
	if i >= 0 && all[i].Descriptor != nil && all[i].Descriptor.IsObject() {
		return "it goes away when its last holder closes it: end its holders with " + endHolders
	}
	var can []string
	for _, r := range removals() {
		if r.plan != nil {
			can = append(can, string(r.kind))
		}
	}
	last := len(can) - 1
	return fmt.Sprintf("objects of kind %s are not removed: only %s and %s are", k,
		strings.Join(can[:last], ", "), can[last])
}
