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

// Bystanders are processes that are older than most objects but know none, so they make no object suspect. They are
// kernel threads, init, systemd's own programs, login shells and terminals, ipctop, the launchers among its ancestors,
// and the younger readers of its output (see launcher.go).

// sessionPrograms lists programs that hold a person's session: they log in, multiplex or show terminals, or start
// another program as another user.
func sessionPrograms() []string {
	return []string{
		"login", "agetty", "getty", "mingetty", "sshd", "sshd-session", "sshd-auth", "dropbear", "mosh-server",
		"su", "sudo", "doas", "(sd-pam)",
		"tmux", "screen", "zellij", "xterm", "urxvt", "rxvt", "gnome-terminal-server", "konsole", "xfce4-terminal",
		"alacritty", "kitty", "foot", "wezterm-gui",
	}
}

// initPrograms lists the programs that run as pid 1 of a container, if its pid 1 is not the application itself.
func initPrograms() []string {
	return []string{"init", "systemd", "tini", "tini-static", "docker-init", "dumb-init", "catatonit", "runit",
		"runsvdir", "s6-svscan", "openrc-init", "pause"}
}

func shells() []string {
	return []string{"sh", "bash", "dash", "ash", "zsh", "fish", "ksh", "ksh93", "mksh", "tcsh", "csh", "busybox"}
}

// programKind tells if a process runs a bystander's program.
type programKind uint8

const (
	notExamined programKind = iota
	bystanderProgram
	maybeBystander // the process has a bystander's name, but its program cannot be read
	otherProgram
)

// processFacts holds facts about a process that stay true until it runs again.
type processFacts struct {
	start   uint64
	clock   int64
	program programKind
	launch  programKind // see launches
	calls   callWidth
	opens   bool                // an io_uring of the process opens a FIFO: see foreign32
	private map[uint64][]uint64 // see privateInodes
	// See otherThreads.
	threadsRead bool
	threads     []process.ProcStatus
	threadsErr  error
}

// factsOf returns the facts from earlier ticks about a process. The caller may add to them.
func (l *tick) factsOf(p *proc.Process) *processFacts {
	all := l.facts
	facts := all[p.PID]
	if facts == nil || facts.start != p.Start || facts.clock != p.Clock || p.Clock == 0 {
		if len(all) > 2*len(l.Processes()) {
			maps.DeleteFunc(all, func(pid int, _ *processFacts) bool { return l.Process(pid) == nil })
		}
		facts = &processFacts{start: p.Start, clock: p.Clock}
		all[p.PID] = facts
	}
	return facts
}

// findBystanders marks the bystanders among the processes.
func (l *tick) findBystanders() {
	for _, p := range l.Processes() {
		l.bystander[p] = p.KernelThread() || p.PID == 1 && !l.Nested
	}
	if !l.Host.Live() {
		return
	}
	for _, p := range l.Onlookers() {
		l.bystander[p] = l.bystander[p] || l.onlooks(p)
	}
	for _, p := range l.Processes() {
		if l.bystander[p] {
			continue
		}
		facts := l.factsOf(p)
		if facts.program == notExamined { // a process that has not run since has the same program
			facts.program = l.programOf(p)
		}
		l.bystander[p] = facts.program == bystanderProgram
	}
}

// programOf classifies a process by the path of its program. A process can choose its name, but not that path. If the
// path cannot be read, the name of a session program or of systemd proves nothing: the process is maybeBystander.
// A shell's name does not count.
func (l *tick) programOf(p *proc.Process) programKind {
	return l.classify(p, maybeBystander, func(dir process.Dir, exe string) bool {
		return isBystander(p, dir, exe) || l.isOwnDemo(dir, exe)
	})
}

// classify asks known about the path of a process's program. byName is the answer if the path may not be read and the
// process has the name of a session program, of systemd or of an init.
func (l *tick) classify(p *proc.Process, byName programKind, known func(process.Dir, string) bool) programKind {
	dir, err := l.Host.OpenProc(p.Living())
	if err != nil {
		return otherProgram
	}
	defer dir.Close()
	exe, err := l.programIn(p, dir)
	switch {
	case sys.Denied(err) && (slices.Contains(sessionPrograms(), p.Comm) || p.Comm == "systemd" || p.PID == 1 &&
		slices.Contains(initPrograms(), p.Comm)):
		return byName
	case err == nil && known(dir, exe):
		return bystanderProgram
	}
	return otherProgram
}

// isOwnDemo reports that a process is the demo, or a worker of it, of the program that looks: it may have another name
// than ipctop.
func (l *tick) isOwnDemo(dir process.Dir, exe string) bool {
	if !l.isOwnProgram(exe) {
		return false
	}
	text, err := dir.Read("cmdline", nil)
	args := bytes.Split(text, []byte{0})
	return err == nil && len(args) > 1 && string(args[1]) == "demo"
}

// isOwnProgram reports that exe is the program that looks.
func (l *tick) isOwnProgram(exe string) bool {
	own := l.Process(l.Self)
	if own == nil {
		return false
	}
	ownExe, err := l.program(own)
	return err == nil && ownExe == exe
}

// program is the path of a process's program, by its link exe. It is read once a tick.
func (l *tick) program(p *proc.Process) (exe string, err error) {
	if known, ok := l.programs[p]; ok {
		return known.path, known.err
	}
	dir, err := l.Host.OpenProc(p.Living())
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return l.programIn(p, dir)
}

// programIn is program for an open directory of the process.
func (l *tick) programIn(p *proc.Process, dir process.Dir) (exe string, err error) {
	if known, ok := l.programs[p]; ok {
		return known.path, known.err
	}
	exe, err = dir.Readlink("exe")
	l.programs[p] = program{exe, err}
	return exe, err
}

// program is the path of a process's program, or the error of reading it.
type program struct {
	path string
	err  error
}

func isBystander(p *proc.Process, dir process.Dir, exe string) bool {
	exe = strings.TrimSuffix(exe, proc.DeletedSuffix)
	name := path.Base(exe)
	switch {
	case name == "ipctop":
		return true
	case p.PID == 1 && slices.Contains([]string{"/", "/dev", "/run"},
		path.Dir(exe)): // engines put a container's init there
		return slices.Contains(initPrograms(), name)
	case !installed(exe):
		return false
	case name == "systemd", strings.HasPrefix(name, "systemd-"), strings.HasSuffix(path.Dir(exe), "/lib/systemd"):
		return true
	case slices.Contains(sessionPrograms(), name), p.Comm == "(sd-pam)":
		return true
	case p.PID == 1:
		return slices.Contains(initPrograms(), name)
	}
	return isLoginShell(p, dir, name)
}

// isLoginShell reports that a process is a shell in which a person types. name is the file of its program.
func isLoginShell(p *proc.Process, dir process.Dir, name string) bool {
	if p.TTY == 0 || !slices.Contains(shells(), name) {
		return false
	}
	text, err := dir.Read("cmdline", nil)
	input, _ := dir.FDLink(0, make([]byte, 256)) // an unreadable link counts as no terminal
	return err == nil && isTerminal(string(input)) && interactive(text)
}

// installed reports that a program lies in a directory where distributions install programs. An application with the
// name of a terminal or shell lies elsewhere.
func installed(exe string) bool {
	return slices.ContainsFunc([]string{"/usr/", "/bin/", "/sbin/", "/lib/", "/nix/store/", "/gnu/store/", "/package/"},
		func(dir string) bool {
			return strings.HasPrefix(exe, dir)
		})
}

// isTerminal reports that file, the target of a descriptor's link, is a terminal where a person can type.
func isTerminal(file string) bool {
	return strings.HasPrefix(file, "/dev/pts/") || strings.HasPrefix(file, "/dev/tty") || file == "/dev/console"
}

// interactive reports that a shell's arguments let it read commands from its input: they have neither a script nor a
// command (-c). The first argument must be a shell's name, because the busybox program does all kinds of work.
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
