package doctor

import (
	"os"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/bpf"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

const (
	kernelTypes = "/sys/kernel/btf/vmlinux"
	speedNeeds  = "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, and the kernel's types in " + kernelTypes
)

// speedNote tells whether this process may read descriptors by BPF, and which rights that takes. Without BPF a snapshot
// has the same facts, but takes longer. "": host is no live machine.
func speedNote(host *kernel.Host) string {
	if !host.Live() {
		return ""
	}
	if missing := missingForBPF(); missing != "" {
		return "speed: a busy machine is read from /proc here, which takes longer. BPF would list the descriptors " +
			"with " + speedNeeds + ": " + missing
	}
	return "speed: BPF can list the descriptors of a busy machine here: it takes " + speedNeeds
}

// missingForBPF names the first thing that is missing; "": nothing is.
func missingForBPF() string {
	if err := sys.CheckPIDs(); err != nil {
		return "/proc is of another pid namespace"
	}
	if !sys.MayTraceAll() {
		return "CAP_SYS_PTRACE is missing"
	}
	switch err := bpf.Ask("open files"); {
	case sys.Denied(err):
		return "CAP_BPF or CAP_PERFMON is missing, or a sandbox refuses bpf(2)"
	case err != nil:
		return err.Error()
	}
	if _, err := os.Stat(kernelTypes); err != nil {
		return "the types are missing"
	}
	return ""
}
