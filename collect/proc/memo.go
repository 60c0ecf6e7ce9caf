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
type Kept struct {
	values map[any]any
	ticks  int
}

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

// idleTicks is the number of ticks after which KeepWhileUsed forgets a value that nobody used. The dashboard asks for
// the waits between two ticks of a tab.
const idleTicks = 3

// usedKeep is a value of KeepWhileUsed.
type usedKeep[T any] struct {
	value T
	used  int // the last tick that used it
}

// idle reports whether too many ticks have passed since the last use.
func (u *usedKeep[T]) idle(tick int) bool { return tick-u.used > idleTicks }

// KeepWhileUsed is Keep for a value that is forgotten when no tick uses it any more: it may be large.
func KeepWhileUsed[T any](t *Tick, first func() T) *T {
	kept := Keep(t.Kept, func() usedKeep[T] { return usedKeep[T]{value: first()} })
	kept.used = t.Kept.ticks
	return &kept.value
}

// nextTick counts the ticks, and forgets what the last ones did not use.
func (k *Kept) nextTick() {
	k.ticks++
	for key, value := range k.values {
		if u, ok := value.(interface{ idle(tick int) bool }); ok && u.idle(k.ticks) {
			delete(k.values, key)
		}
	}
}
