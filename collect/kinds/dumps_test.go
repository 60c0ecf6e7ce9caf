package kinds

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/proc"
)

// A namespace is dumped once a tick, and everybody reads the same, errors too. Who changes a dump has a copy.
func TestDumpOnce(t *testing.T) {
	tick, failed := &proc.Tick{}, errors.New("failed")
	asked := 0
	for range 2 {
		for net := range uint64(2) {
			list, err := dumpOnce(tick, net, func() ([]int, error) {
				asked++
				return []int{3, int(net), 2}, failed
			})
			sorted := sortedDump(list, func(a, b int) int { return a - b })
			if diff := cmp.Diff([]int{int(net), 2, 3}, sorted); diff != "" || err != failed {
				t.Errorf("%v %s", err, diff)
			}
			if list[0] != 3 {
				t.Error("the dump itself is sorted")
			}
		}
	}
	if asked != 2 {
		t.Errorf("%d dumps of 2 namespaces", asked)
	}
}
