package collect

import (
	"github.com/ipctop/ipctop/collect/doctor"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/leaks"
)

// DoctorRequest asks for what the doctor's checks look at, verdicts among it.
func DoctorRequest() Request {
	r := Request{Findings: true, Gauges: true, Want: doctor.Wants()}
	for _, m := range Mechanisms() {
		if n := m.NeedsOf(leaks.IDs()); n != 0 || m.Diagnose != nil {
			r.Want[m.Kind] |= n
		}
	}
	return r
}

// ExamineSnapshot has the doctor look at a snapshot of DoctorRequest from that host. It returns the snapshot with the
// doctor's findings, the most severe first, and with the faults of what the checks could not read besides.
func ExamineSnapshot(host *kernel.Host, s *Snapshot) *Snapshot {
	report := doctor.Examine(&doctor.Looked{Host: host, Taken: s.Taken, IPCNamespace: s.IPCNamespace, Kinds: Mechanisms(),
		Objects:  s.Objects,
		Findings: s.Findings, Faults: s.Faults, Notes: s.Notes, Gauges: s.Gauges})
	examined := *s
	examined.Findings, examined.Faults, examined.Notes = report.Findings, report.Faults, report.Notes
	return &examined
}
