package schema

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Selector is a Ref that a person typed. It names an object by number, by key or by name.
type Selector struct {
	Kind  Kind
	By    SelectBy
	ID    uint64
	Key   uint32
	Name  string
	Space uint64 // 0: the reader's own namespace, or the person gave none
	Text  string // the text that the person typed
	// Typed is the name as typed, for a name with an escape or a Space that ipctop does not print so. Then the text
	// may mean Name in Space, or a name that holds these very bytes.
	Typed string
	// Inode is the inode number of the process's pidfd in pidfs. 0: the person gave none.
	Inode uint64
}

// SelectBy names the field of a Selector that counts.
type SelectBy int

// The ways to name an object.
const (
	ByID SelectBy = iota
	ByKey
	ByName
)

// ErrRef is in every error of ParseSelector (errors.Is).
var ErrRef = errors.New("not an object reference")

// ParseSelector reads "KIND:ID", "KIND:key=0x1234", "KIND:/name", "unix:@abstract", "KIND:sk:COOKIE", "KIND:PID/FD" or
// "limit:NAME". Each may end with "@SPACE". A process is also "proc:PID:INODE" or "PID:INODE", util-linux's form.
// A name is read with Unprinted. known is true for a kind that exists; the caller explains a wrong kind. Errors wrap
// ErrRef and say what would be right.
func ParseSelector(text string, known func(Kind) bool) (Selector, error) {
	fail := func(format string, args ...any) (Selector, error) {
		return Selector{}, fmt.Errorf("%w: %q: %s", ErrRef, text, fmt.Sprintf(format, args...))
	}
	kind, rest, ok := strings.Cut(text, ":")
	if !ok || kind == "" || rest == "" {
		return fail("say KIND:ID, for example shm:32769")
	}
	if digits(kind) && digits(rest) {
		kind, rest = string(Proc), text
	}
	s := Selector{Kind: Kind(kind), Text: text}
	if digits(kind) || !known(s.Kind) {
		return fail("no kind is called %q", kind)
	}
	if strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "sk:") || s.Kind == Unix && rest[0] == '@' {
		s.byName(rest)
		return s, nil
	}
	if pid, inode, has := strings.Cut(rest, ":"); has && s.Kind == Proc && digits(pid) && digits(inode) {
		var err error
		if s.Inode, err = strconv.ParseUint(inode, 10, 64); err != nil || s.Inode == 0 {
			return fail("%q is not the inode number of a pidfd: say proc:PID:INODE", inode)
		}
		rest = pid
	}
	if id, space, has := strings.Cut(rest, "@"); has {
		n, err := parseSpace(space)
		if err != nil {
			return fail("%q is neither a namespace inode nor a device major:minor", space)
		}
		rest, s.Space = id, n
	}
	if strings.Contains(rest, "/") {
		s.By, s.Name = ByName, rest
		return s, nil
	}
	if key, is := strings.CutPrefix(rest, "key="); is {
		n, err := strconv.ParseUint(key, 0, 64)
		if err != nil {
			return fail("%q is not a key: say key=0x1234", key)
		}
		if n > 0xffffffff {
			return fail("a System V key has 32 bits, %s does not fit", key)
		}
		if n == 0 {
			return fail("key 0 is IPC_PRIVATE and names no object: use the id")
		}
		s.By, s.Key = ByKey, uint32(n)
		return s, nil
	}
	if s.Kind == Limit {
		s.By, s.Name = ByName, strings.ToUpper(rest)
		return s, nil
	}
	n, err := strconv.ParseUint(rest, 10, 64)
	if err != nil {
		return fail("%q is not a number: say %s:ID", rest, kind)
	}
	s.ID = n
	return s, nil
}

// byName reads a name as typed, and the Space behind it.
func (s *Selector) byName(typed string) {
	name := typed
	if rest, space, has := cutNamespace(s.Kind, typed); has {
		name, s.Space = rest, space
	}
	s.By, s.Name = ByName, Unprinted(name)
	means := Ref{Kind: s.Kind, Name: s.Name, Space: s.Space}
	if (s.Name != typed || s.Space != 0) && means.String() != s.Text && string(s.Kind)+":"+Printed(s.Name) != s.Text {
		s.Typed = typed
	}
}

func digits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
