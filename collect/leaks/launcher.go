package leaks

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
)

// An ancestor of ipctop may be a program that made objects and asks ipctop about them: an agent, or a script that calls
// ipcmk. So an ancestor is a bystander only if it is a launcher: a program that starts others and uses no objects.

// launchers lists the programs that start one command for somebody. Shells that run a script are not among them: a
// script can make objects. make is none either: its rules can.
func launchers() []string {
	return []string{
		"nsenter", "unshare", "setpriv", "runuser", "setsid", "capsh", "chroot", "bwrap", "gosu", "su-exec",
		"pkexec", "env",
		"nice", "ionice", "taskset", "timeout", "time", "watch", "xargs", "script", "flock", "chronic", "stdbuf",
		"cron", "crond", "anacron", "atd",
		"docker", "podman", "nerdctl", "kubectl", "crictl", "lxc", "lxc-attach", "machinectl", "runc", "crun", "conmon",
		"containerd-shim", "containerd-shim-runc-v2",
	}
}

// multiCallPrograms lists the programs that do the work of many. Their first argument names the work.
func multiCallPrograms() []string { return []string{"busybox", "toybox", "coreutils"} }

// trusted holds the pids of TrustAncestors.
type trusted []int

// TrustAncestors makes the ancestors with these pids launchers, in all ticks with the same Kept.
func TrustAncestors(k *proc.Kept, pids ...int) {
	*proc.Keep(k, func() trusted { return nil }) = pids
}

// onlooks reports that an onlooker (see proc.Onlookers) is a bystander. A reader of the output is a bystander if it
// started with ipctop or later, and has called execve(2) since: "| less", but not an agent that reads what it asked
// for.
func (l *tick) onlooks(p *proc.Process) bool {
	own := l.Process(l.Self)
	switch {
	case p == own:
		return true
	case slices.Contains(l.Ancestry(), p):
		if slices.Contains(*proc.Keep(l.Kept, func() trusted { return nil }), p.PID) {
			return true
		}
		facts := l.factsOf(p)
		if facts.launch == notExamined {
			facts.launch = l.launches(p)
		}
		return facts.launch == bystanderProgram
	}
	return own != nil && p.Start >= own.Start && !p.Forked()
}

// launches tells if an ancestor of ipctop is a launcher. Its program may be hidden from the reader, as sshd's is from
// the user who logs in. Then the name of a session program is enough: it did start the reader's session.
func (l *tick) launches(p *proc.Process) programKind {
	return l.classify(p, bystanderProgram, func(dir process.Dir, exe string) bool {
		return isBystander(p, dir, exe) || l.isOwnProgram(exe) || isLauncher(p, dir, exe)
	})
}

func isLauncher(p *proc.Process, dir process.Dir, exe string) bool {
	exe = strings.TrimSuffix(exe, proc.DeletedSuffix)
	if !installed(exe) {
		return false
	}
	name := path.Base(exe)
	if isLoginShell(p, dir, name) { // also as the first process of a container
		return true
	}
	if slices.Contains(multiCallPrograms(), name) {
		text, err := dir.Read("cmdline", nil)
		if err != nil {
			return false
		}
		name = workOf(text)
	}
	return slices.Contains(launchers(), name) || slices.Contains(sessionPrograms(), name) ||
		slices.Contains(initPrograms(), name)
}

// workOf names the work of a process of a multi-call program: "timeout" for "timeout 5 ipctop" and "busybox timeout 5
// ipctop".
func workOf(cmdline []byte) string {
	args := bytes.Split(cmdline, []byte{0})
	name := string(args[0][bytes.LastIndexByte(args[0], '/')+1:])
	if slices.Contains(multiCallPrograms(), name) && len(args) > 1 {
		return string(args[1])
	}
	return name
}
