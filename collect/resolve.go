package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// ErrAmbiguous is what Resolve says of a reference that several objects answer to.
var ErrAmbiguous = errors.New("it names several objects")

// unseenObject is NoSuchObject where objects of the kind may be out of sight.
type unseenObject struct{ why string }

func (e unseenObject) Error() string { return "no such object can be seen from here: " + e.why }
func (unseenObject) Unwrap() error   { return fs.ErrNotExist }

// missing says that there is no such object, or that rights are missing to see those of its kind that there may be.
func (s *Snapshot) missing(sel schema.Selector) error {
	needs := schema.Need(0)
	all := Mechanisms()
	i := slices.IndexFunc(all, func(m *kinds.Mechanism) bool { return m.Kind == sel.Kind })
	// names of POSIX objects are listed without a look at any process
	if i >= 0 && (sel.By != schema.ByName || !slices.Contains([]schema.Kind{schema.PMsg, schema.PSem, schema.PShm},
		sel.Kind)) {
		needs = all[i].Needs
	}
	for _, f := range s.Faults {
		if f.Denied && (f.Source == string(sel.Kind) || needs&sourceNeeds(f.Source) != 0) {
			return unseenObject{f.Says}
		}
	}
	return kinds.NoSuchObject{}
}

// sourceNeeds are the needs that a refused source (schema.Fault) of the walk leaves unmet.
func sourceNeeds(source string) schema.Need {
	switch source {
	case "processes":
		return proc.NeedProcs
	case "fd":
		return proc.NeedFDs
	case "maps":
		return proc.NeedMaps
	case "ns":
		return proc.NeedNamespaces
	}
	return 0
}

// Resolve finds the one object that a person named, in a snapshot that holds its kind. Its Ref has the life (Gen) of
// the object as it is now. A key or a path leads to the object that has it now. errors.Is: fs.ErrNotExist for none
// that can be seen, ErrAmbiguous for several.
func (s *Snapshot) Resolve(sel schema.Selector) (schema.Ref, error) {
	matches := s.matcher(sel)
	var found []schema.Ref
	for _, o := range s.Objects[sel.Kind] {
		if matches(o) {
			found = append(found, o.Ref)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return schema.Ref{}, s.missing(sel)
	}
	var names []string
	for _, r := range found {
		names = append(names, r.String())
	}
	return schema.Ref{}, fmt.Errorf("%w, name one of them: %s", ErrAmbiguous, strings.Join(names, ", "))
}

func (s *Snapshot) matcher(sel schema.Selector) func(*schema.Object) bool {
	space := func(o *schema.Object) bool {
		switch {
		case sel.Space == 0 && (sel.Kind.SysV() ||
			sel.Kind == schema.PMsg): // ids and keys are those of the reader's own namespace, unless another is named
			return o.Ref.Space == 0
		case sel.Space == 0 || sel.Space == o.Ref.Space:
			return true
		}
		// Objects of the reader's own namespace have no Space; a person may write its inode out.
		return o.Ref.Space == 0 && sel.Space == s.IPCNamespace
	}
	switch sel.By {
	case schema.ByKey:
		key := cellOf(sel.Kind, "key")
		// A removed segment has key 0 and is nobody's; key 0 cannot be typed.
		return func(o *schema.Object) bool {
			v := key(o)
			return space(o) && v.IsKnown() && v.Type() == schema.TypeKey && uint32(v.Int()) == sel.Key
		}
	case schema.ByName:
		path := cellOf(sel.Kind, "path")
		return func(o *schema.Object) bool {
			return space(o) && o.Ref.Name == sel.Name || path(o).IsKnown() && path(o).Str() == sel.Name
		}
	}
	return func(o *schema.Object) bool { return space(o) && o.Ref.Name == "" && o.Ref.ID == sel.ID }
}

// cellOf reads a column of a kind; where the kind has none, the cell is Absent.
func cellOf(kind schema.Kind, id string) func(*schema.Object) schema.Value {
	all := Mechanisms()
	i := slices.IndexFunc(all, func(m *kinds.Mechanism) bool { return m.Kind == kind })
	if i >= 0 {
		if c, ok := all[i].Column(id); ok {
			return c.Get
		}
	}
	return func(*schema.Object) schema.Value { return schema.None(schema.TypeString) }
}
