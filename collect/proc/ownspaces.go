package proc

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// setns(2) and unshare(2) move the calling thread alone into another mount, UTS, IPC, network or control group
// namespace. /proc/PID/ns shows the namespaces of the first thread, /proc/PID/task/TID/ns those of each thread.

// threadSpace reads the namespace of a thread. It is 0 if the link could not be read.
func threadSpace(dir process.Dir, tid int, typ string) uint64 {
	link, err := dir.Readlink(fmt.Sprintf("task/%d/ns/%s", tid, typ))
	if err != nil {
		return 0
	}
	_, ino, _ := namespace.ParseLink([]byte(link))
	return ino
}

// IPCSpaceOfWait is the Space of the id that a wait names. Another thread than the first may be in an IPC namespace of
// its own.
func (t *Tick) IPCSpaceOfWait(p *Process, w *Wait) uint64 {
	if w.IPCNS != 0 {
		return t.IPCSpace(w.IPCNS)
	}
	return t.IPCSpaceOf(p)
}

// addWaiters finds the IPC namespaces that only a waiting thread is in.
func (x *spaceIndex) addWaiters(t *Tick) {
	for _, p := range t.procs {
		for i := range p.Waits {
			w := &p.Waits[i]
			if w.IPCNS == 0 || w.IPCNS == p.NS[ipcType] {
				continue
			}
			way := fmt.Sprintf("/proc/%d/task/%d/ns/ipc", p.Living(), w.Thread)
			if s := x.add("ipc", w.IPCNS, way); s.Leader == nil {
				s.Leader = p
			}
		}
	}
}
