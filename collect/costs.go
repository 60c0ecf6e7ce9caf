package collect

import (
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Costs lists the needs that the walk, the kinds and the aspects declare. Each need is there once, in the order of the
// bits.
func Costs() []schema.Cost {
	all := proc.Costs()
	for _, m := range mechanisms() {
		all = append(all, m.Costs...)
	}
	for _, a := range Aspects() {
		all = append(all, a.Costs...)
	}
	slices.SortFunc(all, func(a, b schema.Cost) int { return cmp.Compare(a.Need, b.Need) })
	return all
}
