package collect

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// lister collects each kind once a tick, for the snapshot and for those that require the kind. Whoever asks for
// objects of another kind has named it in Requires: so the order of the kinds does not matter, and no circle of
// requirements goes unseen.
type lister struct {
	f          *proc.Tick
	mechanisms []*kinds.Mechanism
	done       map[schema.Kind][]*schema.Object
	asking     []asker
}

// asker is a kind or aspect at work, with what it requires.
type asker struct {
	name     string
	requires []schema.Kind
}

// objects is Tick.Objects.
func (l *lister) objects(kind schema.Kind) []*schema.Object {
	if n := len(l.asking); n > 0 {
		if a := l.asking[n-1]; !slices.Contains(a.requires, kind) {
			panic(fmt.Sprintf("%s asks for objects of kind %s, and its Requires do not name the kind", a.name, kind))
		}
	}
	return l.own(kind)
}

// own are the objects of a kind as the kind itself lists them, never nil.
func (l *lister) own(kind schema.Kind) []*schema.Object {
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

// judged are the objects of a kind with what the aspects make of them: first come the objects that are there for an
// aspect alone, then every aspect judges all.
func (l *lister) judged(kind schema.Kind, aspects []kinds.Aspect) []*schema.Object {
	objects := l.own(kind)
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
