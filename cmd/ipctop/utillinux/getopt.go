package utillinux

import (
	"fmt"
	"strings"
)

// argKind tells if an option takes an argument.
type argKind int

const (
	noArg argKind = iota
	needsArg
	mayHaveArg // only in the same word: -aX, --all=X
)

// option is one option of a face. Its long name identifies it.
type option struct {
	short byte // 0: none
	long  string
	arg   argKind
}

// getopt reads a command line as glibc's getopt_long does (man 3 getopt_long). Options and operands may be mixed. A
// long option may be cut if only one option begins so. "--" ends the options. With POSIXLY_CORRECT set, the first
// operand ends them too.
type getopt struct {
	options  []option
	rest     []string
	cluster  string // the letters of -abc that are not read yet
	posix    bool
	operands []string
	argv0    string
}

func newGetopt(s *session, options []option) *getopt {
	return &getopt{options: options, rest: s.argv[1:], posix: s.Getenv("POSIXLY_CORRECT") != "", argv0: s.argv[0]}
}

// optionError is a mistake on the command line, in glibc's words.
type optionError struct{ says string }

func (e *optionError) Error() string { return e.says }

// next gives the long name and the argument of the next option. has is true if the option has an argument. At the end
// the name is "", and operands holds all operands. The error is an *optionError.
func (g *getopt) next() (name, arg string, has bool, err error) {
	if g.cluster != "" {
		return g.short()
	}
	for len(g.rest) > 0 {
		word := g.rest[0]
		switch {
		case word == "--":
			g.operands = append(g.operands, g.rest[1:]...)
			g.rest = nil
		case len(word) < 2 || word[0] != '-':
			if g.posix {
				g.operands, g.rest = g.rest, nil
				continue
			}
			g.operands = append(g.operands, word)
			g.rest = g.rest[1:]
		case word[1] == '-':
			g.rest = g.rest[1:]
			return g.long(word[2:])
		default:
			g.rest = g.rest[1:]
			g.cluster = word[1:]
			return g.short()
		}
	}
	return "", "", false, nil
}

func (g *getopt) short() (name, arg string, has bool, err error) {
	c := g.cluster[0]
	g.cluster = g.cluster[1:]
	for _, o := range g.options {
		if o.short != c || c == 0 {
			continue
		}
		switch {
		case o.arg == noArg:
			return o.long, "", false, nil
		case g.cluster != "":
			arg, g.cluster = g.cluster, ""
			return o.long, arg, true, nil
		case o.arg == mayHaveArg:
			return o.long, "", false, nil
		case len(g.rest) == 0:
			return "", "", false, g.errorf("option requires an argument -- '%s'", string([]byte{c}))
		}
		arg, g.rest = g.rest[0], g.rest[1:]
		return o.long, arg, true, nil
	}
	return "", "", false, g.errorf("invalid option -- '%s'", string([]byte{c}))
}

func (g *getopt) long(word string) (name, arg string, has bool, err error) {
	cut, arg, has := strings.Cut(word, "=")
	o, err := g.find(cut, word)
	switch {
	case err != nil:
		return "", "", false, err
	case has && o.arg == noArg:
		return "", "", false, g.errorf("option '--%s' doesn't allow an argument", o.long)
	case !has && o.arg == needsArg:
		if len(g.rest) == 0 {
			return "", "", false, g.errorf("option '--%s' requires an argument", o.long)
		}
		arg, g.rest, has = g.rest[0], g.rest[1:], true
	}
	return o.long, arg, has, nil
}

// find looks for a long option by its name, or by a beginning that only one option has.
func (g *getopt) find(cut, word string) (option, error) {
	var found []option
	for _, o := range g.options {
		if o.long == cut {
			return o, nil
		}
		if strings.HasPrefix(o.long, cut) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return option{}, g.errorf("unrecognized option '--%s'", word)
	case 1:
		return found[0], nil
	}
	var names strings.Builder
	for _, o := range found {
		fmt.Fprintf(&names, " '--%s'", o.long)
	}
	return option{}, g.errorf("option '--%s' is ambiguous; possibilities:%s", word, names.String())
}

// errorf makes an error that begins with argv[0], with its directory, as in glibc.
func (g *getopt) errorf(format string, args ...any) error {
	return &optionError{g.argv0 + ": " + fmt.Sprintf(format, args...)}
}

// parse reads the command line. It answers --help and --version itself, and calls set for every other option. done is
// true if the run ends with code.
func (s *session) parse(options []option, help func(name string) string,
	set func(name, arg string) (code int, failed bool)) (code int, done bool) {
	g := newGetopt(s, options)
	for {
		name, arg, _, err := g.next()
		if err != nil {
			return s.badOption(err), true
		}
		switch name {
		case "":
			return 0, false
		case "help":
			s.print(help(s.name))
			return 0, true
		case "version":
			return s.showVersion(), true
		}
		if code, failed := set(name, arg); failed {
			return code, true
		}
	}
}

// badOption ends a run because of a mistake that getopt found.
func (s *session) badOption(err error) int {
	s.errorLine(err.Error())
	return s.tryHelp()
}
