package process

import (
	"bytes"
	"math"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// ProcLimits are the limits of a process for its IPC objects (proc_pid_limits(5)). They are the soft limits, which
// are in effect. math.MaxUint64 is no limit.
type ProcLimits struct {
	OpenFiles uint64 // RLIMIT_NOFILE: one more than the highest descriptor
	MsgQueue  uint64 // RLIMIT_MSGQUEUE: bytes of POSIX queues for all processes of its real user
}

// ParseProcLimits reads /proc/PID/limits, which any user may read. A line has a name of several words, the soft
// limit, the hard limit and a unit.
func ParseProcLimits(text []byte) (ProcLimits, error) {
	var l ProcLimits
	found := 0
	for line := range bytes.Lines(text) {
		for _, limit := range []struct {
			name string
			into *uint64
		}{{"Max open files ", &l.OpenFiles}, {"Max msgqueue size ", &l.MsgQueue}} {
			rest, ok := bytes.CutPrefix(line, []byte(limit.name))
			if !ok {
				continue
			}
			f := scan.Fields{Rest: rest}
			soft := string(f.Next())
			if soft == "unlimited" {
				*limit.into, found = math.MaxUint64, found+1
				continue
			}
			n, err := strconv.ParseUint(soft, 10, 64)
			if err != nil {
				return ProcLimits{}, scan.ErrShort
			}
			*limit.into, found = n, found+1
		}
	}
	if found != 2 {
		return ProcLimits{}, scan.ErrShort
	}
	return l, nil
}
