package leaks

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
)

// Bystanders are processes that are older than most objects and know none: an object is not called suspect for their
// sake. They are kernel threads, init, systemd's own programs, login shells and terminals, ipctop and its ancestors.

// sessionPrograms keep people's sessions: they log in, multiplex or show terminals, or change the user for another
// program.
func sessionPrograms() []string {
	return []string{
		"login", "agetty", "getty", "mingetty", "sshd", "sshd-session", "sshd-auth", "dropbear", "mosh-server", "su", "sudo",
		"doas", "(sd-pam)",
		"tmux", "screen", "zellij", "xterm", "urxvt", "rxvt", "gnome-terminal-server", "konsole", "xfce4-terminal",
		"alacritty", "kitty", "foot", "wezterm-gui",
	}
}

// initPrograms are what a container has as its pid 1 where that is not the application itself.
func initPrograms() []string {
	return []string{"init", "systemd", "tini", "tini-static", "docker-init", "dumb-init", "catatonit", "runit", "runsvdir",
		"s6-svscan", "openrc-init", "pause"}
}

func shells() []string {
	return []string{"sh", "bash", "dash", "ash", "zsh", "fish", "ksh", "ksh93", "mksh", "tcsh", "csh", "busybox"}
}

// programKind is what a process's program is for.
type programKind uint8

const (
	notLooked      programKind = iota
	standsBy                   // it is a bystander
	seemsToStandBy             // it has a bystander's name, and which program it is may not be read
	doesWork
)

// known is what verdicts know of a process as long as it does not run.
type known struct {
	start   uint64
	clock   int64
	program programKind
	calls   callWidth
	opens   bool // an io_uring of it opens a FIFO: see foreign32
}

// known gives what earlier ticks found out about a process, to read and to add to.
func (l *tick) known(p *proc.Process) *known {
	all := *proc.Keep(l.Kept, func() map[int]*known { return map[int]*known{} })
	k := all[p.PID]
	if k == nil || k.start != p.Start || k.clock != p.Clock || p.Clock == 0 {
		if len(all) > 2*len(l.Processes()) {
			maps.DeleteFunc(all, func(pid int, _ *known) bool { return l.Process(pid) == nil })
		}
		k = &known{start: p.Start, clock: p.Clock}
		all[p.PID] = k
	}
	return k
}

// findBystanders marks the bystanders among the processes.
func (l *tick) findBystanders() {
	for _, p := range l.Processes() {
		l.bystander[p] = p.KernelThread() || p.PID == 1 && !l.Nested
	}
	if !l.Host.Live() {
		return
	}
	for _, p := range l.Ancestry() {
		l.bystander[p] = true
	}
	for _, p := range l.Processes() {
		if l.bystander[p] {
			continue
		}
		known := l.known(p)
		if known.program == notLooked { // a process that has not run since is still the same program
			known.program = l.programOf(p)
		}
		l.bystander[p] = known.program == standsBy
	}
}

// programOf goes by the program that the process runs, which it cannot choose as it can its name. Where that may not
// be read, the name of a session program or one of systemd's proves nothing, but neither is it told to be older; a
// shell is not told at all.
func (l *tick) programOf(p *proc.Process) programKind {
	dir, err := l.Host.OpenProc(p.Living())
	if err != nil {
		return doesWork
	}
	defer dir.Close()
	exe, err := dir.Readlink("exe")
	switch {
	case sys.Denied(err) && (slices.Contains(sessionPrograms(), p.Comm) || p.Comm == "systemd" || p.PID == 1 &&
		slices.Contains(initPrograms(), p.Comm)):
		return seemsToStandBy
	case err == nil && isBystander(p, dir, exe):
		return standsBy
	}
	return doesWork
}

func isBystander(p *proc.Process, dir process.Dir, exe string) bool {
	exe = strings.TrimSuffix(exe, proc.DeletedSuffix)
	name := path.Base(exe)
	switch {
	case name == "ipctop":
		return true
	case p.PID == 1 && slices.Contains([]string{"/", "/dev", "/run"}, path.Dir(exe)): // where engines put a container's
		return slices.Contains(initPrograms(), name)
	case !installed(exe):
		return false
	case name == "systemd", strings.HasPrefix(name, "systemd-"), strings.HasSuffix(path.Dir(exe), "/lib/systemd"):
		return true
	case slices.Contains(sessionPrograms(), name), p.Comm == "(sd-pam)":
		return true
	case p.PID == 1:
		return slices.Contains(initPrograms(), name)
	case slices.Contains(shells(), name):
		text, err := dir.Read("cmdline", nil)
		input, _ := dir.FDLink(0, make([]byte, 256)) // what may not be read is no terminal
		return err == nil && p.TTY != 0 && isTerminal(string(input)) && interactive(text)
	}
	return false
}

// installed says whether a program lies where distributions put programs. An application that has a terminal's or
// shell's name lies elsewhere.
func installed(exe string) bool {
	return slices.ContainsFunc([]string{"/usr/", "/bin/", "/sbin/", "/lib/", "/nix/store/", "/gnu/store/", "/package/"},
		func(dir string) bool {
			return strings.HasPrefix(exe, dir)
		})
}

// isTerminal says of what a descriptor leads to whether a person may type there.
func isTerminal(file string) bool {
	return strings.HasPrefix(file, "/dev/pts/") || strings.HasPrefix(file, "/dev/tty") || file == "/dev/console"
}

// interactive says of a shell's arguments whether it takes its commands from its input: it has neither a script nor a
// command (-c) to run. It goes by a shell's name: the program of busybox does all kinds of work.
func interactive(cmdline []byte) bool {
	args := bytes.Split(bytes.TrimSuffix(cmdline, []byte{0}), []byte{0})
	if name := path.Base(string(bytes.TrimPrefix(args[0], []byte("-")))); !slices.Contains(shells(), name) {
		return false
	}
	for _, a := range args[1:] {
		long := bytes.HasPrefix(a, []byte("--"))
		if !bytes.HasPrefix(a, []byte("-")) || !long && bytes.ContainsRune(a, 'c') {
			return false
		}
	}
	return true
}
