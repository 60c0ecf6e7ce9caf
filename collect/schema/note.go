package schema

// Note is a typed place on objects. An aspect declares one Note and keeps its result there. Readers get the result
// with its type, and no kind has a field for it.
//
//	var verdict = schema.NewNote[relate.Judgement]()
//	verdict.Set(o, &judgement)
//	verdict.Of(o).Reasons
type Note[T any] struct{ _ byte } // not empty: each Note needs its own address

// NewNote returns a Note that no object has yet.
func NewNote[T any]() *Note[T] { return new(Note[T]) }

// Of is the note on an object; nil if the object has none.
func (n *Note[T]) Of(o *Object) *T {
	for i := range o.notes {
		if o.notes[i].of == n {
			return o.notes[i].value.(*T)
		}
	}
	return nil
}

// Set puts a note on an object. The object must not have this Note yet. Only the collector's goroutine calls Set,
// before it publishes the snapshot.
func (n *Note[T]) Set(o *Object, value *T) {
	o.notes = append(o.notes, note{n, value})
}

// RoomForNotes makes room for a note on each object that has none, in one allocation.
func RoomForNotes(objects []*Object) {
	room := make([]note, len(objects))
	for i, o := range objects {
		if o.notes == nil {
			o.notes = room[i : i : i+1]
		}
	}
}

// note is one value and the Note that it belongs to.
type note struct{ of, value any }
