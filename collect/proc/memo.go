package proc

import "fmt"

// Memo returns the result of work. work runs at most once a tick, at the first call. The type T names the result, so
// each result has a type of its own.
func Memo[T any](t *Tick, work func(*Tick) T) T {
	key := any((*T)(nil))
	if known, ok := t.memos[key]; ok {
		if known == nil {
			panic(fmt.Sprintf("working out %T takes itself", key))
		}
		return known.(memo[T]).result
	}
	if t.memos == nil {
		t.memos = map[any]any{}
	}
	t.memos[key] = nil // work is running
	result := work(t)
	t.memos[key] = memo[T]{result}
	return result
}

// memo wraps a result, so that a nil result differs from a missing result.
type memo[T any] struct{ result T }

// asked reports whether this tick has worked out a T.
func asked[T any](t *Tick) bool {
	_, ok := t.memos[any((*T)(nil))]
	return ok
}

// Kept holds what one tick keeps for the next: caches, and results to compare with. The Collector owns Kept and gives
// it to each tick.
type Kept struct{ values map[any]any }

// Keep returns the T that an earlier tick kept, to read and to change. If there is none, it keeps the result of first.
func Keep[T any](k *Kept, first func() T) *T {
	key := any((*T)(nil))
	if value, ok := k.values[key]; ok {
		return value.(*T)
	}
	if k.values == nil {
		k.values = map[any]any{}
	}
	value := first()
	k.values[key] = &value
	return &value
}
