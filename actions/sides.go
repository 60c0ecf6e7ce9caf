package actions

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Side chooses the processes of an object that get a signal.
type Side string

// The sides. Holders have the object open or mapped, at any end.
const (
	Holders      = Side(kinds.Holders)
	Readers      = Side(kinds.Readers)
	Writers      = Side(kinds.Writers)
	Waiters      = Side(kinds.Waiters)
	Creator Side = "creator" // see also Enders
)

// Sides lists every Side.
func Sides() []Side {
	return []Side{Holders, Readers, Writers, Waiters, Creator, Enders, Itself, InContainer, InUnit}
}

// ends returns the ends of an object that the side includes; none for Creator, which comes from the kernel, and for
// Enders, which the waits tell.
func (s Side) ends() []kinds.Side {
	switch s {
	case Holders:
		return []kinds.Side{kinds.Holders, kinds.Readers, kinds.Writers}
	case Creator, Enders:
		return nil
	}
	return []kinds.Side{kinds.Side(s)}
}

// needs are the ends of an object that must be read for the side. A creator that maps its segment is proven.
func (s Side) needs() []kinds.Side {
	if s == Creator {
		return []kinds.Side{kinds.Holders}
	}
	return s.ends()
}

// of is true for a kind that has the side: the kind has a column with its processes.
func (s Side) of(k schema.Kind) bool {
	switch {
	case s == Creator:
		return k == schema.Shm // see creator
	case k == schema.Proc || s.ofProcess():
		return k == schema.Proc && s.ofProcess()
	case k == schema.Wait:
		return s == Waiters || s == Enders
	case s == Enders:
		return Waiters.of(k)
	}
	m := collect.MechanismOf(k)
	return m != nil && m.NeedsAt(s.ends()...) != 0
}

// parseSide reads a Side.
func parseSide(text string) (Side, error) {
	if s := Side(text); slices.Contains(Sides(), s) {
		return s, nil
	}
	return "", fmt.Errorf("an object has no side %q", text)
}

// processes returns the processes at a side of an object, in the order of its ends.
func (s *signalling) processes(r schema.Ref, to Side) ([]schema.Ref, error) {
	o := s.snap.Find(r)
	if o == nil {
		return nil, goneError("it is gone, or another object has its number: look at it again")
	}
	if to == Creator {
		return s.creator(r)
	}
	var found []schema.Ref
	known, partial := false, false
	for _, side := range to.ends() {
		v, has := kinds.EndsOf(o).At(side)
		if !has {
			continue
		}
		known = true
		partial = partial || v.Partial() || v.State() == schema.Denied
		for _, e := range v.Endpoints() {
			found = append(found, e.Ref())
			s.addRole(e.Ref(), role{r, side})
			s.addReason(e.Ref(), "it is a "+strings.TrimSuffix(string(side), "s")+" of "+r.String()+where(e))
		}
	}
	switch {
	case !known:
		return nil, refuse("objects of kind %s have no %s to signal: --to takes another side", r.Kind, to)
	case partial:
		s.note(fmt.Sprintf("%s may have more %s among %s", r, to, s.unseen("fd", "maps", "syscall")))
	}
	if len(found) == 0 {
		return nil, refuse("it has no %s that can be seen", to)
	}
	return found, nil
}

// where describes how a process reaches an object.
func where(e schema.Endpoint) string {
	var how []string
	if e.FD >= 0 && e.Maps == 0 && e.TID == 0 {
		how = append(how, "fd "+strconv.Itoa(e.FD))
	}
	if e.Maps > 0 {
		how = append(how, schema.Counted(e.Maps, "mapping"))
	}
	if e.Mode != "" {
		how = append(how, e.Mode)
	}
	if len(how) == 0 {
		return ""
	}
	return " (" + strings.Join(how, ", ") + ")"
}

func (s *signalling) addReason(r schema.Ref, how string) {
	if !slices.Contains(s.via[r], how) {
		s.via[r] = append(s.via[r], how)
	}
}
