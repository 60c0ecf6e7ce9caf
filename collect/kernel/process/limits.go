package process

import (
	"bytes"
	"math"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// ProcLimits are the limits of a process (proc_pid_limits(5)) that bear on its IPC objects, as they are in effect
// (soft). math.MaxUint64 is no limit.
type ProcLimits struct {
	OpenFiles uint64 // RLIMIT_NOFILE: one more than the highest descriptor
	MsgQueue  uint64 // RLIMIT_MSGQUEUE: bytes of POSIX queues that its real user may have in all
}

// ParseProcLimits reads /proc/PID/limits, which everybody may read: a name of several words, the soft and the hard
// limit, a unit.
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
