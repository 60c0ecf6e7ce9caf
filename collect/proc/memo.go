package proc

import "fmt"

// Memo gives what work works out, which happens at most once a tick, when somebody first asks. The type T is the
// name of the result: each result has a type of its own.
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
	t.memos[key] = nil // under way
	result := work(t)
	t.memos[key] = memo[T]{result}
	return result
}

// memo wraps a result, so that a nil result differs from none.
type memo[T any] struct{ result T }

// Asked says whether this tick has worked out a T.
func Asked[T any](t *Tick) bool {
	_, ok := t.memos[any((*T)(nil))]
	return ok
}

// Kept is what one tick leaves for the next: caches, and results that the next tick compares with its own. The
// Collector owns it and hands it to each tick.
type Kept struct{ values map[any]any }

// Keep gives the T that earlier ticks left, to read and to change; the result of first where no tick left one.
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
