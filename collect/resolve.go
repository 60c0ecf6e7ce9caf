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

// ErrAmbiguous is the error of Resolve for a reference that matches several objects.
var ErrAmbiguous = errors.New("it names several objects")

// unseenObject is kinds.NoSuchObject when objects of the kind may be out of sight.
type unseenObject struct{ why string }

func (e unseenObject) Error() string { return "no such object can be seen from here: " + e.why }
func (unseenObject) Unwrap() error   { return fs.ErrNotExist }

// notFound is the error for a reference without an object. It is unseenObject if the reader could not see all objects
// of the kind.
func (s *Snapshot) notFound(sel schema.Selector) error {
	needs := schema.Need(0)
	all := Mechanisms()
	i := slices.IndexFunc(all, func(m *kinds.Mechanism) bool { return m.Kind == sel.Kind })
	// The names of POSIX objects come from a directory, so no process is read for them.
	if i >= 0 && (sel.By != schema.ByName || sel.Kind != schema.PMsg && !sel.Kind.InDevShm()) {
		needs = all[i].Needs
	}
	for _, f := range s.Faults {
		if (f.Denied || f.Failed) && (f.Source == string(sel.Kind) || needs&sourceNeeds(f.Source) != 0) {
			return unseenObject{f.Says}
		}
	}
	return kinds.NoSuchObject{}
}

// sourceNeeds are the needs that stay unmet if a source of the walk (schema.Fault) was refused.
func sourceNeeds(source string) schema.Need {
	switch source {
	case "processes":
		return proc.NeedProcs
	case "fd":
		return proc.NeedFDs
	case "maps":
		return proc.NeedMaps
	case "syscall":
		return proc.NeedSyscall | proc.NeedCalls
	case "ns":
		return proc.NeedNamespaces
	}
	return 0
}

// Resolve finds the one object that a person named. The snapshot must hold its kind. The Ref has the Gen of the object
// as it is now. A key or a path leads to the object that has it now. The error is fs.ErrNotExist if no such object can
// be seen, and ErrAmbiguous if there are several.
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
		if err := checkInode(sel, found[0]); err != nil {
			return schema.Ref{}, err
		}
		return found[0], nil
	case 0:
		return schema.Ref{}, s.notFoundAsTyped(sel)
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
		case sel.Space == 0 && (sel.Kind.SysV() || sel.Kind == schema.PMsg || sel.Kind == schema.Limit ||
			o.Ref.Kind.InDevShm() && o.Ref.Name != ""):
			return o.Ref.Space == 0 // ids, keys and names count in the reader's own namespaces, unless sel names others
		case sel.Space == 0 || sel.Space == o.Ref.Space:
			return true
		}
		// Space is 0 for objects of the reader's own namespace. But a person may write the inode of that namespace.
		return o.Ref.Space == 0 && sel.Space == s.IPCNamespace
	}
	switch sel.By {
	case schema.ByKey:
		key := cellOf(sel.Kind, "key")
		// A removed segment has key 0, and no person can type key 0. So the segment is never found.
		return func(o *schema.Object) bool {
			v := key(o)
			return space(o) && v.IsKnown() && v.Type() == schema.TypeKey && uint32(v.Int()) == sel.Key
		}
	case schema.ByName:
		path := pathOf(sel.Kind)
		return func(o *schema.Object) bool {
			return space(o) && o.Ref.Name == sel.Name || path(o) == sel.Name ||
				sel.Typed != "" && (o.Ref.Space == 0 && o.Ref.Name == sel.Typed || path(o) == sel.Typed)
		}
	}
	return func(o *schema.Object) bool { return space(o) && o.Ref.Name == "" && o.Ref.ID == sel.ID }
}

// pathOf reads the path of an object of the kind. It is empty for an object without a path.
func pathOf(kind schema.Kind) func(*schema.Object) string {
	path := cellOf(kind, "path")
	return func(o *schema.Object) string {
		if v := path(o); v.IsKnown() {
			return v.Str()
		}
		return ""
	}
}

// notFoundAsTyped is notFound. If the bytes that the person typed are the name of an object, it says how to name it.
func (s *Snapshot) notFoundAsTyped(sel schema.Selector) error {
	_, typed, _ := strings.Cut(sel.Text, ":")
	if sel.By == schema.ByName && typed != sel.Name {
		path := pathOf(sel.Kind)
		for _, o := range s.Objects[sel.Kind] {
			if o.Ref.Space == 0 && o.Ref.Name == typed || path(o) == typed {
				return fmt.Errorf("%w, but one whose name has these characters: say %s", s.notFound(sel), o.Ref)
			}
		}
	}
	return s.notFound(sel)
}

// cellOf reads a column of a kind. It gives an Absent cell if the kind has no such column.
func cellOf(kind schema.Kind, id string) func(*schema.Object) schema.Value {
	if m := MechanismOf(kind); m != nil {
		if c, ok := m.Column(id); ok {
			return c.Get
		}
	}
	return func(*schema.Object) schema.Value { return schema.None(schema.TypeString) }
}
