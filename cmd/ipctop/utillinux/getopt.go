package utillinux

import (
	"fmt"
	"strings"
)

// argKind says whether an option takes an argument.
type argKind int

const (
	noArg argKind = iota
	needsArg
	mayHaveArg // only attached: -aX, --all=X
)

// option is one option of a face. Its long name is the way of telling it apart.
type option struct {
	short byte // 0: none
	long  string
	arg   argKind
}

// getopt walks a command line as glibc's getopt_long does: options and operands may be mixed, long options may be cut
// as long as they are clear, "--" ends the options, and with POSIXLY_CORRECT set the first operand does (man 3
// getopt_long).
type getopt struct {
	options  []option
	rest     []string
	cluster  string // what is left of -abc
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

// next gives the next option's long name and argument. At the end the name is "" and operands holds the rest.
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

// find looks for a long option by its name or a clear beginning of it.
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

// errorf begins with argv[0] as it was given, directory and all, as glibc does.
func (g *getopt) errorf(format string, args ...any) error {
	return &optionError{g.argv0 + ": " + fmt.Sprintf(format, args...)}
}

// badOption ends a run over a mistake that getopt found.
func (s *session) badOption(err error) int {
	s.errorLine(err.Error())
	return s.tryHelp()
}
