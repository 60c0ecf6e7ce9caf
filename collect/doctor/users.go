package doctor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// processLimits reads the limits of the processes in the snapshot, by pid. Every user may read them.
func (x *examination) processLimits() map[int]process.ProcLimits {
	if x.limits != nil {
		return x.limits
	}
	x.limits = map[int]process.ProcLimits{}
	unread, buf := 0, make([]byte, 8<<10)
	rowsOf(x, schema.Proc, func(_ schema.Ref, r *kinds.ProcRow) {
		if r.KernelThread() || r.State == 'Z' {
			return
		}
		if x.host.Live() {
			if l, err := process.Limits(r.PID); err == nil {
				x.limits[r.PID] = l
				return
			}
		}
		dir, err := x.host.OpenProc(r.PID)
		if err != nil {
			return // it has just ended
		}
		defer dir.Close()
		text, err := dir.Read("limits", buf)
		if err == nil {
			x.limits[r.PID], err = process.ParseProcLimits(text)
		}
		if err != nil && !sys.Gone(err) {
			unread++
		}
	})
	if unread > 0 {
		x.faults = append(x.faults, schema.Fault{Source: "limits", Count: unread,
			Says: fmt.Sprintf("the limits of %s could not be read", schema.Counted(uint64(unread), "process"))})
	}
	return x.limits
}

// openFiles compares open files with the limit of the machine, and descriptors with the limit of each process.
func openFiles(x *examination) []schema.Finding {
	var all []schema.Finding
	// allocated, free, limit
	if n, err := x.host.SysctlNumbers("fs.file-nr"); x.read("fs.file-nr", err) && len(n) == 3 {
		all = limitUse{what: "open files of the machine", used: n[0], limit: n[2], by: "fs.file-max",
			fails:    "open, socket and pipe fail with ENFILE for everybody without CAP_SYS_ADMIN",
			evidence: []string{"counted by fs.file-nr"},
			advice: "See who has most: `ipctop --once proc --sort -fds`. To allow more: " +
				x.raiseCommand("fs.file-max", n[2])}.findings()
	}
	var full, nearly []*schema.Object
	for _, o := range x.snap.Objects[schema.Proc] {
		r := o.Row.(*kinds.ProcRow)
		switch used, limit := uint64(r.FDCount), x.processLimits()[r.PID].OpenFiles; {
		case limit == 0 || r.FDCountErr != nil:
		case used >= limit:
			full = append(full, o)
		case used >= limit-limit/10:
			nearly = append(nearly, o)
		}
	}
	all = append(all, x.descriptors(schema.Critical, full, "used up",
		"open, socket, pipe, mq_open and shm_open fail with EMFILE there")...)
	return append(all, x.descriptors(schema.Warning, nearly, "nearly used up",
		"soon open, socket, pipe, mq_open and shm_open fail with EMFILE there")...)
}

func (x *examination) descriptors(severity schema.Severity, procs []*schema.Object, how,
	fails string) []schema.Finding {
	if len(procs) == 0 {
		return nil
	}
	f := schema.Finding{Kind: "limit", Severity: severity, Proof: schema.Observed,
		Says: fmt.Sprintf("%d processes have %s the descriptors that RLIMIT_NOFILE allows them: %s", len(procs), how,
			fails),
		Advice: "A count that goes on growing is a leak of descriptors: the process's page in ipctop names them. " +
			"To allow more: LimitNOFILE= in its unit, or `ulimit -n` where it is started."}
	const named = 10
	for i, o := range procs {
		r := o.Row.(*kinds.ProcRow)
		f.Refs = append(f.Refs, o.Ref)
		if i >= named {
			continue
		}
		f.Evidence = append(f.Evidence,
			fmt.Sprintf("%d/%s has %d open, its limit is %d: %s", r.PID, r.Comm, r.FDCount, x.limits[r.PID].OpenFiles,
				x.descriptorKinds(r)))
		if len(procs) == 1 {
			f.Says = fmt.Sprintf("process %d/%s has %s the descriptors that RLIMIT_NOFILE allows it: %s", r.PID,
				r.Comm, how, fails)
		}
	}
	if rest := len(procs) - named; rest > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more", rest))
	}
	return []schema.Finding{f}
}

// userLimits compares what the kernel counts for each user, over all processes, with the limits.
func userLimits(x *examination) []schema.Finding {
	return slices.Concat(queueBytes(x), inotifyUse(x), pipePages(x))
}

// pipePages compares the pipes of each user with the limits on their pages. The limits hold for users without
// CAP_SYS_RESOURCE and CAP_SYS_ADMIN (man 7 pipe; alloc_pipe_info in fs/pipe.c). A look into each pipe costs too much,
// so each pipe counts with the usual 16 pages.
func pipePages(x *examination) []schema.Finding {
	pages := tally{}
	for _, kind := range []schema.Kind{schema.Pipe, schema.Fifo} {
		rowsOf(x, kind, func(_ schema.Ref, r *kinds.PipeRow) {
			if len(r.Uses) > 0 && r.Uses[0].Process.StatusKnown {
				pages[r.Uses[0].Process.Status.UID[0]] += 16
			}
		})
	}
	delete(pages, 0)
	var all []schema.Finding
	for _, l := range []struct {
		knob, fails string
		onlySlow    bool
	}{
		{"fs.pipe-user-pages-soft", "new pipes get 2 pages, which makes them slow, and fcntl F_SETPIPE_SZ " +
			"fails with EPERM",
			true},
		{"fs.pipe-user-pages-hard", "pipe fails with ENFILE", false},
	} {
		limit, ok := x.sysctl(l.knob)
		for _, uid := range slices.Sorted(maps.Keys(pages)) {
			if !ok {
				break
			}
			for _, f := range (limitUse{what: fmt.Sprintf("pages in pipes of user %s", x.users.User(uid)),
				used:  pages[uid],
				limit: limit, by: l.knob, fails: l.fails, onlySlow: l.onlySlow,
				evidence: []string{fmt.Sprintf("%d pipes and FIFOs, each taken for the usual 16 pages", pages[uid]/16)},
				advice: "See who has them: `ipctop --once pipes`. To allow more: " + x.raiseCommand(l.knob,
					limit)}).findings() {
				f.Proof = schema.Inferred
				all = append(all, f)
			}
		}
	}
	return all
}
