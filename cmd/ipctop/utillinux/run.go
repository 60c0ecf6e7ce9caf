package utillinux

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/proc"
)

// Process is what a face sees of the process that it runs in.
type Process struct {
	Args           []string // as os.Args
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Version        func() string // ipctop's own
	// Terminal gives the columns of the terminal that Stdout is, 0 if it does not know them; ok is false if it is none.
	// It may be nil.
	Terminal func() (columns int, ok bool)
}

// Face is a program that ipctop stands in for.
type Face struct {
	Name  string
	Short string // what it does, for ipctop's own help
	run   func(*session) int
}

// Faces are the programs that ipctop stands in for.
func Faces() []Face {
	return []Face{
		{"ipcs", "List System V objects, as util-linux's ipcs", ipcs},
		{"ipcrm", "Remove objects at once, as util-linux's ipcrm", ipcrm},
		{"ipcmk", "Make objects, as util-linux's ipcmk", ipcmk},
		{"lsipc", "List objects and limits, as util-linux's lsipc", lsipc},
	}
}

// faceNamed finds a face.
func faceNamed(name string) (Face, bool) {
	for _, f := range Faces() {
		if f.Name == name {
			return f, true
		}
	}
	return Face{}, false
}

// Run runs the face that the process was called as: by its own name (a symlink), or by its first argument (ipctop
// ipcs …). ok is false if it was called as neither; nothing was done then.
func Run(p Process) (code int, ok bool) {
	if len(p.Args) == 0 {
		return 0, false
	}
	argv := p.Args
	face, found := faceNamed(filepath.Base(argv[0]))
	if !found && len(argv) > 1 {
		argv = argv[1:]
		face, found = faceNamed(argv[0])
	}
	if !found {
		return 0, false
	}
	return runFace(p, argv, face), true
}

func runFace(p Process, argv []string, f Face) int {
	host, err := kernel.Open("")
	if err != nil { // not for the live machine
		fmt.Fprintln(p.Stderr, err)
		return 1
	}
	s := newSession(p, argv, host)
	return s.finish(f.run(s))
}

// stdioBuffer is the C library's buffer for pipes and files (st_blksize). With the same one, what goes to stdout and
// to stderr comes in the same order where the two are one.
const stdioBuffer = 4096

func newSession(p Process, argv []string, host *kernel.Host) *session {
	return &session{
		Process: p, argv: argv, name: filepath.Base(argv[0]), host: host,
		users: proc.NewUsers(host.Live()), out: bufio.NewWriterSize(p.Stdout, stdioBuffer),
	}
}

// session is one run of a face.
type session struct {
	Process
	argv  []string // argv[0] is the face's own
	name  string   // argv[0] without its directory
	host  *kernel.Host
	users *proc.Users
	out   *bufio.Writer // written at the end, as stdio does off a terminal
	clock *clock
}

// finish writes what is still to be written and gives the exit code. A full disk fails the run (util-linux:
// closestream.h); a reader that went away does not.
func (s *session) finish(code int) int {
	err := s.out.Flush()
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EBADF) {
		return code
	}
	return s.failErr("write error", err)
}

// warn says one line on stderr, with the program's name before it.
func (s *session) warn(format string, args ...any) {
	s.errorLine(s.name + ": " + fmt.Sprintf(format, args...))
}

// errorLine writes a line to stderr, after what was printed before it if that is for a terminal.
func (s *session) errorLine(line string) {
	if s.Terminal != nil {
		if _, ok := s.Terminal(); ok {
			s.out.Flush()
		}
	}
	fmt.Fprintln(s.Stderr, line)
}

// fail warns and gives the exit code for it.
func (s *session) fail(format string, args ...any) int {
	s.warn(format, args...)
	return 1
}

// failErr warns of a failed call, with the C library's words for its errno.
func (s *session) failErr(what string, err error) int {
	return s.fail("%s: %s", what, strerror(err))
}

// tryHelp ends a run whose command line was wrong.
func (s *session) tryHelp() int {
	s.errorLine("Try '" + s.name + " --help' for more information.")
	return 1
}

// showVersion prints the name and version, in util-linux's form.
func (s *session) showVersion() int {
	fmt.Fprintf(s.out, "%s from ipctop %s\n", s.name, s.Version())
	return 0
}

func (s *session) print(text string) { s.out.WriteString(text) }

func (s *session) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }
