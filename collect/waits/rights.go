package waits

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
)

// mayChange reports true if a process has the right to change the semaphores of a set, or could get the right: by one
// of its ids, or by a capability (ipcperms, ipc/util.c). It also reports true if its rights could not be read.
func (g *graph) mayChange(p *proc.Process, r *kinds.SemRow) bool {
	if !g.tick.Host.Live() {
		return true
	}
	text, err := g.tick.Host.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return true
	}
	ids, err := process.ParseProcStatus(text)
	caps, errCaps := process.ParseCapabilities(text)
	if err != nil || errCaps != nil {
		return true
	}
	if sys.CouldUseAnyIPC(uint64(caps.Permitted)) {
		return true
	}
	isGroup := func(gid uint32) bool { return gid == r.GID || gid == r.CGID }
	switch {
	case slices.ContainsFunc(ids.UID[:], func(uid uint32) bool { return uid == r.UID || uid == r.CUID }):
		return true // an owner may also give the right to itself
	case slices.ContainsFunc(ids.GID[:], isGroup), slices.ContainsFunc(ids.Groups, isGroup):
		return r.Perms()&0o020 != 0
	}
	return r.Perms()&0o002 != 0
}
