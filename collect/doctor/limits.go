package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// limitUse is the use of a limit, and the error that a program gets at the limit.
type limitUse struct {
	what        string // the limited things, in the plural: "System V message queues"
	used, limit uint64
	bytes       bool
	by          string // the name of the limit: a sysctl, "RLIMIT_NOFILE"
	fails       string // the error at the limit: "msgget fails with ENOSPC"
	onlySlow    bool   // at the limit things get slow and nothing fails: so the finding is never critical
	guessed     bool   // the limit is inferred: so the finding is never critical
	least       uint64 // the usual next use: if less is left, the limit is reached; 0: one
	refs        []schema.Ref
	evidence    []string // further evidence after the numbers
	advice      string
}

// near reports whether there is something to tell: from 90 percent of the limit on, or if the usual next use does not
// fit.
func (u limitUse) near() bool {
	return u.limit > 0 && (u.used >= u.limit-u.limit/10 || u.used+u.least > u.limit)
}

// findings returns nothing below 90 percent of the limit, and a warning from 90 percent on. At the limit the finding is
// critical. With least, the limit is reached if the usual next use does not fit.
func (u limitUse) findings() []schema.Finding {
	if !u.near() {
		return nil
	}
	amount := plainNumber
	if u.bytes {
		amount = inBytesWords
	}
	f := schema.Finding{Kind: "limit", Severity: schema.Warning, Proof: schema.Observed, Refs: u.refs, Advice: u.advice}
	f.Evidence = append([]string{fmt.Sprintf("%s is %s, in use are %s", u.by, amount(u.limit), amount(u.used))},
		u.evidence...)
	if u.guessed {
		f.Proof = schema.Inferred
	}
	if u.used+max(1, u.least) <= u.limit {
		f.Says = fmt.Sprintf("the limit of %s is near (%d %%): soon %s", u.what, percent(u.used, u.limit), u.fails)
		return []schema.Finding{f}
	}
	if !u.onlySlow && !u.guessed {
		f.Severity = schema.Critical
	}
	f.Says = fmt.Sprintf("the limit of %s is reached: %s", u.what, u.fails)
	return []schema.Finding{f}
}

// limitEnd tells what happens at the limit of one row of the kind limit.
type limitEnd struct {
	what, fails string
	owners      func(*examination) tally
	leaks       bool // leaked objects may be the reason
}

// limitEnds are the ends of limits, by the names of lsipc -g. The calls and errors come from their manual pages. They
// were checked in ipc/util.c (ipc_addid), ipc/sem.c (newary), ipc/shm.c (newseg) and ipc/mqueue.c (mqueue_create_attr).
func limitEnds() map[string]limitEnd {
	return map[string]limitEnd{
		"MSGMNI": {"System V message queues", "msgget fails with ENOSPC",
			ownerTally(schema.Msg, func(r *kinds.MsgRow) (uint32, uint64) { return r.UID, 1 }), true},
		"SEMMNI": {"System V semaphore sets", "semget fails with ENOSPC",
			ownerTally(schema.Sem, func(r *kinds.SemRow) (uint32, uint64) { return r.UID, 1 }), true},
		"SEMMNS": {"semaphores of System V sets", "semget fails with ENOSPC",
			ownerTally(schema.Sem, func(r *kinds.SemRow) (uint32, uint64) { return r.UID, r.NSems }), true},
		"SHMMNI": {"System V segments", "shmget fails with ENOSPC",
			ownerTally(schema.Shm, func(r *kinds.ShmRow) (uint32, uint64) { return r.UID, 1 }), true},
		"SHMALL": {"pages of System V segments", "shmget fails with ENOSPC",
			ownerTally(schema.Shm, func(r *kinds.ShmRow) (uint32, uint64) { return r.UID, r.Pages() }), true},
		"MQUMNI": {"POSIX message queues", "mq_open fails with ENOSPC for everybody without CAP_SYS_RESOURCE",
			ownerTally(schema.PMsg, func(r *kinds.PMsgRow) (uint32, uint64) { return r.UID, 1 }), true},
		"SHMFSI": {"files in /dev/shm", "shm_open and sem_open fail with ENOSPC", nil, true},
	}
}

// ownerTally counts the objects of a kind for each owner.
func ownerTally[T any](kind schema.Kind, count func(*T) (uint32, uint64)) func(*examination) tally {
	return func(x *examination) tally {
		t := tally{}
		rowsOf(x, kind, func(_ schema.Ref, r *T) {
			uid, n := count(r)
			t[uid] += n
		})
		return t
	}
}

func objectLimits(x *examination) []schema.Finding {
	var all []schema.Finding
	ends := limitEnds()
	rowsOf(x, schema.Limit, func(ref schema.Ref, r *kinds.LimitRow) {
		end, ok := ends[r.Name]
		if !ok || !r.Used.IsKnown() {
			return
		}
		u := limitUse{what: end.what, used: r.Used.Uint(), limit: r.Limit, by: r.Knob, fails: end.fails,
			refs: []schema.Ref{ref}}
		if end.owners != nil {
			if most := end.owners(x).topThree(x, plainNumber); most != "" {
				u.evidence = append(u.evidence, "by owner: "+most)
			}
		}
		u.advice = x.raiseCommand(r.Knob, r.Limit)
		if end.leaks {
			u.advice = "See what is left behind: `ipctop leaks`. To allow more: " + u.advice
		}
		all = append(all, u.findings()...)
	})
	return all
}

// pidMaxLimit is PID_MAX_LIMIT of a 64-bit machine (include/linux/threads.h).
const pidMaxLimit = 4 << 20

// raiseCommand is a command that doubles a limit, or a hint if no command can.
func (x *examination) raiseCommand(knob string, limit uint64) string {
	more := 2 * limit
	switch knob {
	case "tmpfs:nr_inodes":
		return fmt.Sprintf("`mount -o remount,nr_inodes=%d /dev/shm`", more)
	case "kernel.msgmni", "kernel.sem[4]", "kernel.shmmni":
		if most := x.maxObjects(); more > most {
			more = most
		}
		if more <= limit {
			return fmt.Sprintf("the boot parameter ipcmni_extend, since %d is the most without it", limit)
		}
	case "kernel.pid_max":
		if more = min(more, pidMaxLimit); more <= limit {
			return "nothing: it is as high as it goes"
		}
	}
	name, field, many := strings.Cut(strings.TrimSuffix(knob, "]"), "[")
	if !many {
		return fmt.Sprintf("`sysctl -w %s=%d`", knob, more)
	}
	at, err := strconv.Atoi(field)
	numbers, readErr := x.sysctlNumbers(name)
	if err != nil || !x.read(name, readErr) || at < 1 || at > len(numbers) {
		return "raise " + knob
	}
	numbers[at-1] = more
	return fmt.Sprintf("`sysctl -w %s=\"%s\"`", name, strings.Trim(fmt.Sprint(numbers), "[]"))
}

// maxObjects is the number of objects of one kind that the kernel can number: IPCMNI or IPCMNI_EXTEND (ipc/util.h).
func (x *examination) maxObjects() uint64 {
	text, err := x.host.ReadFile("/proc/cmdline")
	for word := range strings.FieldsSeq(string(text)) {
		if err == nil && word == "ipcmni_extend" {
			return 1 << 24
		}
	}
	return 1 << 15
}
