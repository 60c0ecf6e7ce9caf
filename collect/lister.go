package collect

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// lister collects each kind once a tick, for the snapshot and for other kinds. While it collects, adds or fills, a
// kind or aspect may ask only for kinds that its Requires names. So the order of the kinds does not matter, and a
// circle of requirements is found.
type lister struct {
	f          *proc.Tick
	mechanisms []*kinds.Mechanism
	done       map[schema.Kind][]*schema.Object
	asking     []asker
}

// asker is a kind or an aspect at work, with its Requires.
type asker struct {
	name     string
	requires []schema.Kind
}

// objects is Tick.Objects. It panics if the asker's Requires do not name the kind.
func (l *lister) objects(kind schema.Kind) []*schema.Object {
	if n := len(l.asking); n > 0 {
		if a := l.asking[n-1]; !slices.Contains(a.requires, kind) {
			panic(fmt.Sprintf("%s asks for objects of kind %s, and its Requires do not name the kind", a.name, kind))
		}
	}
	return l.withoutAspects(kind)
}

// withoutAspects returns the objects of a kind without the work of the aspects. It is never nil.
func (l *lister) withoutAspects(kind schema.Kind) []*schema.Object {
	if objects, ok := l.done[kind]; ok {
		return objects
	}
	i := slices.IndexFunc(l.mechanisms, func(m *kinds.Mechanism) bool { return m.Kind == kind })
	m := l.mechanisms[i]
	if slices.ContainsFunc(l.asking, func(a asker) bool { return a.name == string(kind) }) {
		panic(fmt.Sprintf("kind %s requires itself, by way of others", kind))
	}
	l.asking = append(l.asking, asker{string(kind), m.Requires})
	objects, err := m.Collect(l.f)
	l.asking = l.asking[:len(l.asking)-1]
	l.f.Fault(string(kind), err)
	if objects == nil {
		objects = []*schema.Object{}
	}
	l.done[kind] = slices.Clip(objects)
	return l.done[kind]
}

// withAspects returns the objects of a kind with the work of the aspects. First each aspect may add objects, then each
// aspect fills in its notes.
func (l *lister) withAspects(kind schema.Kind, aspects []kinds.Aspect) []*schema.Object {
	objects := l.withoutAspects(kind)
	work := func(a kinds.Aspect, do func()) {
		l.asking = append(l.asking, asker{a.Name, a.Requires})
		do()
		l.asking = l.asking[:len(l.asking)-1]
	}
	for _, a := range aspects {
		if _, ok := a.Of[kind]; ok && a.Adds != nil {
			work(a, func() { objects = append(objects, a.Adds(l.f, kind, objects)...) })
		}
	}
	for _, a := range aspects {
		if needs, ok := a.Of[kind]; ok {
			work(a, func() { a.Fill(l.f, kind, needs, objects) })
		}
	}
	return objects
}
