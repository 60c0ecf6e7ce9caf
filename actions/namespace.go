package actions

import (
	"cmp"
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// inIPCNamespace is true if the ids of a kind belong to an IPC namespace. Then a Ref's Space is that namespace; for the
// other kinds Space is a device.
func inIPCNamespace(k schema.Kind) bool {
	return k.SysV() || k == schema.PMsg
}

// inside runs do in the IPC namespace that a Ref names.
func (s *survey) inside(r schema.Ref, do func() error) error { return s.inSpace("ipc", "IPC", r, do) }

// inSpace runs do in the namespace that a Ref names. System calls of do act on objects there. do must not leave its
// goroutine: setns(2) changes one thread only.
func (s *survey) inSpace(typ, name string, r schema.Ref, do func() error) error {
	if r.Space == 0 {
		return do()
	}
	way, ok := s.snap.FindNamespace(typ, r.Space)
	if !ok {
		return refuse("no process, descriptor or mount that can be seen from here leads to its %s namespace %d",
			name, r.Space)
	}
	err := s.host.VisitNamespace(way, do)
	if err != nil && !namespace.Entered(err) && sys.Denied(err) {
		return refuse("its %s namespace cannot be entered (%v): needs root", name, err)
	}
	return err
}

// removeInside plans inside the object's namespace. The deed reads the object again and removes it in one visit to that
// namespace.
func (s *survey) removeInside(r schema.Ref, plan func(*survey, schema.Ref) (Step, error)) (Step, error) {
	var st Step
	if err := s.inside(r, func() (err error) { st, err = plan(s, r); return err }); err != nil {
		return Step{}, err
	}
	way, _ := s.snap.FindNamespace("ipc", r.Space)
	whose := "whose is not known"
	if o := s.snap.Find(r); o != nil {
		whose = cmp.Or(kinds.LeaderOf(o).Str(), whose)
	}
	st.Says = fmt.Sprintf("in IPC namespace %d (%s): %s", r.Space, whose, st.Says)
	st.Equivalent = "nsenter --ipc=" + way.Path + " " + st.Equivalent
	do := st.do
	st.do = func() (says string, err error) {
		err = s.inside(r, func() (err error) { says, err = do(); return err })
		return says, err
	}
	return st, nil
}
