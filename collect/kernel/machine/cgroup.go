package machine

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// PidsGroup is a control group with a limit on its processes and threads
// (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/pids.rst).
type PidsGroup struct {
	Dir     string // its directory, below /sys/fs/cgroup
	Current uint64 // processes and threads in it and below it, zombies among them
	Max     uint64
	Refused uint64 // forks that the limit made fail (pids.events); 0: none, or not told
}

// PidsGroupPath reads the path of a process's control group for the pids controller from /proc/PID/cgroup
// (proc_pid_cgroup(5)). If the controller has a hierarchy of its own, the path is there; else it is in the unified one.
// ok is false for a path outside the reader's cgroup namespace, and if no path is told.
func PidsGroupPath(text []byte) (dir string, ok bool) {
	for line := range bytes.Lines(text) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), ":")
		controllers, group, found := strings.Cut(rest, ":")
		switch {
		case !found || strings.HasPrefix(group, "/.."):
		case number == "0" && controllers == "" && dir == "":
			dir = path.Join("/sys/fs/cgroup", group)
		case controllers == "pids":
			dir = path.Join("/sys/fs/cgroup/pids", group)
		}
	}
	return dir, dir != ""
}

// ReadPidsGroup reads the limit and the use of one control group. limited is false if it has no limit. The error is
// fs.ErrNotExist if the group has no pids controller, as the root of a hierarchy.
func ReadPidsGroup(root sys.Root, dir string) (g PidsGroup, limited bool, err error) {
	g.Dir = dir
	read := func(name string) (string, error) {
		text, err := root.ReadFile(path.Join(dir, name))
		return strings.TrimSpace(string(text)), err
	}
	most, err := read("pids.max")
	switch {
	case err != nil:
		return g, false, err
	case most == "max":
		return g, false, nil
	}
	now, err := read("pids.current")
	if err != nil {
		return g, false, err
	}
	var okMax, okNow bool
	g.Max, okMax = number(most)
	g.Current, okNow = number(now)
	if !okMax || !okNow {
		return g, false, fmt.Errorf("read %s: %w", path.Join(dir, "pids.max"), scan.ErrMalformed)
	}
	if events, err := read("pids.events"); err == nil {
		for line := range strings.Lines(events) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), "max "); ok {
				g.Refused, _ = number(text)
			}
		}
	}
	return g, true, nil
}

func number(text string) (uint64, bool) {
	f := scan.Fields{Rest: []byte(text)}
	n := f.Uint()
	return n, !f.Bad
}
