package sock

import "slices"

// gathered is a list whose length is not known before its end. It grows by whole pieces: append would copy a dump of
// 20,000 sockets a dozen times.
type gathered[T any] struct {
	full [][]T
	last []T
}

func (g *gathered[T]) add(item T) {
	if len(g.last) == cap(g.last) {
		if g.last != nil {
			g.full = append(g.full, g.last)
		}
		g.last = make([]T, 0, min(max(8, 2*cap(g.last)), 1024))
	}
	g.last = append(g.last, item)
}

func (g *gathered[T]) all() []T {
	if g.full == nil {
		return g.last
	}
	return slices.Concat(append(g.full, g.last)...)
}
