package collect

import (
	"github.com/ipctop/ipctop/collect/doctor"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/leaks"
)

// DoctorRequest asks for what the checks of the doctor need, and for the verdicts on the objects.
func DoctorRequest() Request {
	r := Request{Findings: true, Gauges: true, Want: doctor.Wants()}
	for _, m := range Mechanisms() {
		if n := m.NeedsOf(leaks.IDs()); n != 0 || m.Diagnose != nil {
			r.Want[m.Kind] |= n
		}
	}
	return r
}

// ExamineSnapshot runs the checks of the doctor on a snapshot of host that was taken for DoctorRequest. It returns the
// snapshot with the findings of the doctor, the most severe first. The faults of the checks are added to those of s.
func ExamineSnapshot(host *kernel.Host, s *Snapshot) *Snapshot {
	report := doctor.Examine(&doctor.Input{Host: host, Taken: s.Taken, IPCNamespace: s.IPCNamespace,
		Kinds:    Mechanisms(),
		Objects:  s.Objects,
		Findings: s.Findings, Faults: s.Faults, Notes: s.Notes, Gauges: s.Gauges,
		Grace: s.Request.graceFlag(), Way: s.FindNamespace})
	examined := *s
	examined.Findings, examined.Faults, examined.Notes = report.Findings, report.Faults, report.Notes
	return &examined
}
