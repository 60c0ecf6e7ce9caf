package utillinux

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
)

// Process is the part of its process that a face uses.
type Process struct {
	Args           []string // like os.Args
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Version        func() string // of ipctop
	// Terminal gives the number of columns if Stdout is a terminal, or 0 if the terminal does not know its columns. ok
	// is false if Stdout is no terminal. Terminal may be nil.
	Terminal func() (columns int, ok bool)
	// Changes gives what changes the machine for a command line. With nil there are no ipcrm and no ipcmk.
	Changes func(host *kernel.Host, argv []string) Changes
}

// Face is a program that ipctop can replace.
type Face struct {
	Name  string
	Short string // a sentence for ipctop's own help

	changes bool // the machine
	run     func(*session) int
}

// Faces lists the programs that ipctop can replace.
func Faces() []Face {
	return []Face{
		{"ipcs", "List System V objects, as util-linux's ipcs", false, ipcs},
		{"ipcrm", "Remove objects at once, as util-linux's ipcrm", true, ipcrm},
		{"ipcmk", "Make objects, as util-linux's ipcmk", true, ipcmk},
		{"lsipc", "List objects and limits, as util-linux's lsipc", false, lsipc},
	}
}

// faceNamed finds a face by its name.
func faceNamed(name string) (Face, bool) {
	for _, f := range Faces() {
		if f.Name == name {
			return f, true
		}
	}
	return Face{}, false
}

// Run runs the face that argv[0] names (a symlink), or else the face that the first argument names (ipctop ipcs …). It
// gives the exit code. ok is false if neither names a face, or if p lacks what the face needs; Run then does nothing.
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
	if !found || face.changes && p.Changes == nil {
		return 0, false
	}
	return runFace(p, argv, face), true
}

func runFace(p Process, argv []string, f Face) int {
	host, err := kernel.Open("")
	if err != nil { // this cannot happen for the live machine
		fmt.Fprintln(p.Stderr, err)
		return 1
	}
	s := newSession(p, argv, host)
	return s.finish(f.run(s))
}

// stdioBuffer is the size in bytes of the C library's buffer for pipes and files (st_blksize). If stdout and stderr are
// the same file, a buffer of the same size gives the same order of lines.
const stdioBuffer = 4096

func newSession(p Process, argv []string, host *kernel.Host) *session {
	return &session{
		Process: p, argv: argv, name: filepath.Base(argv[0]), host: host,
		users: account.NewUsers(host.Live()), out: bufio.NewWriterSize(p.Stdout, stdioBuffer),
	}
}

// session is one run of a face.
type session struct {
	Process
	argv  []string // argv[0] is the name of the face
	name  string   // argv[0] without its directory
	host  *kernel.Host
	users *account.Users
	out   *bufio.Writer // flushed at the end, like stdio without a terminal
	clock *clock
}

// finish flushes the output and gives the exit code. A full disk fails the run (util-linux: closestream.h). A reader
// that has gone away does not.
func (s *session) finish(code int) int {
	err := s.out.Flush()
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EBADF) {
		return code
	}
	return s.failErr("write error", err)
}

// warn writes one line to stderr, after the program's name.
func (s *session) warn(format string, args ...any) {
	s.errorLine(s.name + ": " + fmt.Sprintf(format, args...))
}

// errorLine writes a line to stderr. util-linux sends control characters of an argument to the terminal; here they
// become visible. If stdout is a terminal, it first flushes the earlier output, to keep the order.
func (s *session) errorLine(line string) {
	if s.Terminal != nil {
		if _, ok := s.Terminal(); ok {
			s.out.Flush()
		}
	}
	fmt.Fprintln(s.Stderr, visible(line))
}

// fail warns and gives exit code 1.
func (s *session) fail(format string, args ...any) int {
	s.warn(format, args...)
	return 1
}

// failErr warns of a failed call, with the C library's text for its errno. It gives exit code 1.
func (s *session) failErr(what string, err error) int {
	return s.fail("%s: %s", what, strerror(err))
}

// tryHelp points to --help after a wrong command line. It gives exit code 1.
func (s *session) tryHelp() int {
	s.errorLine("Try '" + s.name + " --help' for more information.")
	return 1
}

// showVersion prints the name and the version in util-linux's form. It gives exit code 0.
func (s *session) showVersion() int {
	fmt.Fprintf(s.out, "%s from ipctop %s\n", s.name, s.Version())
	return 0
}

func (s *session) print(text string) { s.out.WriteString(text) }

func (s *session) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }
