package actions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// removal is the way to remove the objects of a kind.
type removal struct {
	kind schema.Kind
	plan func(*survey, schema.Ref) (Step, error)
}

// removals lists the kinds that can be removed. Each kind has its own file.
func removals() []removal {
	return []removal{
		{schema.Msg, (*survey).removeMsg},
		{schema.Sem, (*survey).removeSem},
		{schema.Shm, (*survey).removeShm},
		{schema.PMsg, (*survey).removePosix},
		{schema.PSem, (*survey).removePosix},
		{schema.PShm, (*survey).removePosix},
		{schema.Fifo, (*survey).removePath},
		{schema.Unix, (*survey).removePath},
	}
}

func removalOf(k schema.Kind) removal {
	all := removals()
	if i := slices.IndexFunc(all, func(r removal) bool { return r.kind == k }); i >= 0 {
		return all[i]
	}
	return removal{kind: k}
}

// Removable is true if objects of this kind can be removed.
func Removable(k schema.Kind) bool { return removalOf(k).plan != nil }

// insteadOfRemoving returns the reason why an object cannot be removed, and what frees it. Some kinds have their own
// words. An object without a name goes away with its last descriptor.
func insteadOfRemoving(r schema.Ref) string {
	m := collect.MechanismOf(r.Kind)
	switch {
	case m != nil && m.Ends != "":
		return naming(m.Ends, r)
	case m != nil && m.Descriptor != nil && m.Descriptor.IsObject():
		return naming("it goes away when its last holder closes it: end its holders with "+kinds.EndHolders, r)
	}
	return notRemoved(r.Kind)
}

// naming puts an object into an advice of the kinds, such as kinds.EndHolders.
func naming(advice string, r schema.Ref) string { return strings.ReplaceAll(advice, "REF", r.String()) }

// notRemoved is the reason for a kind without any removal: it names the kinds that can be removed.
func notRemoved(k schema.Kind) string {
	var can []string
	for _, r := range removals() {
		can = append(can, string(r.kind))
	}
	last := len(can) - 1
	return fmt.Sprintf("objects of kind %s are not removed: only %s and %s are", k,
		strings.Join(can[:last], ", "), can[last])
}
