package software

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// Subject is what a signature looks at.
type Subject struct {
	Kind  schema.Kind
	Space uint64 // IPC namespace, as in Ref; 0: the reader's own
	ID    uint64 // System V id
	Key   uint32 // 0: private, or a removed segment, or no System V object
	// Name is that of a POSIX object, without the slash in front and without the "sem." of its file, a memfd's, or the
	// whole path of a FIFO or socket ("@name" if abstract). Untrusted bytes.
	Name string

	Unread         bool // owner, permissions and size could not be read: those below do not count
	UID, GID, CUID uint32
	User           string // the owner's name, or the uid in digits
	Perms          uint32 // mode & 0777
	Size           uint64 // bytes
	NSems, NAttch  uint64
	Dest           bool
	CPid           int // 0: outside this pid namespace, or not known
}

// How sure a signature is.
const (
	Certain  = "certain"  // nothing else is known to look like that
	Likely   = "likely"   // few others do
	Possible = "possible" // others do as well
)

// Match is the software that an object looks like. The zero value: like none that is known.
type Match struct {
	ID, Name   string // "postgresql", "PostgreSQL"
	Confidence string // Certain, Likely or Possible
	// Protect says that it is meant to be there while nobody uses it.
	Protect bool
	Why     string // what it was told by, one clause: "its name is …"
	// NamedPID is a pid that the software wrote into the name, 0: none. It means something only in the pid namespace of
	// whoever wrote it.
	NamedPID int
}

// signature is one entry of a file. A condition that is not set holds for everything; all that are set have to hold.
type signature struct {
	id, app, confidence, why string

	protect, user bool // user: from the user's file
	order         int  // in all files
	kinds         []schema.Kind

	keys             []uint32 // one of them
	keyFrom, keyTo   uint32   // both inclusive, if hasRange
	keyMask, keyBits uint32   // if keyMask is not 0
	topBytes         []byte
	hasRange         bool
	ftokOf           []string // patterns of paths

	glob    string
	pattern *regexp.Regexp
	literal string // what every name begins with that pattern matches
	pidAt   int    // group of pattern that holds a pid; 0: none

	owners, perms           []string
	size, nsems, nattch     span
	dest                    *bool
	conditions, literalSize int // how specific it is
}

// span is a range of numbers, both ends inclusive.
type span struct {
	set      bool
	from, to uint64
}

func (s span) holds(n uint64) bool { return !s.set || n >= s.from && n <= s.to }

// keyFiles gives the files of a pattern.
type keyFiles func(pattern string) PatternFiles

// matches says whether all conditions hold, and which pid the name holds.
func (g *signature) matches(s *Subject, files keyFiles) (pid int, ok bool) {
	if !g.matchesKey(s.Key) {
		return 0, false
	}
	if len(g.ftokOf) > 0 && !g.matchesFtok(s, files) {
		return 0, false
	}
	if g.onFile() && (s.Unread || !g.matchesFile(s)) {
		return 0, false
	}
	if g.glob != "" {
		if ok, err := path.Match(g.glob, s.Name); err != nil || !ok {
			return 0, false
		}
	}
	if g.pattern == nil {
		return 0, true
	}
	if !strings.HasPrefix(s.Name, g.literal) {
		return 0, false
	}
	at := g.pattern.FindStringSubmatchIndex(s.Name)
	if at == nil {
		return 0, false
	}
	if g.pidAt > 0 && at[2*g.pidAt] >= 0 {
		pid = namedPID(s.Name[at[2*g.pidAt]:at[2*g.pidAt+1]])
	}
	return pid, true
}

// namedPID reads a pid, 0 for what no process can have: PID_MAX_LIMIT is 4194304 (include/linux/threads.h).
func namedPID(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > 4<<20 {
		return 0
	}
	return n
}

func (g *signature) matchesKey(key uint32) bool {
	return (len(g.keys) == 0 || slices.Contains(g.keys, key)) &&
		(!g.hasRange || key >= g.keyFrom && key <= g.keyTo) &&
		(g.keyMask == 0 || key&g.keyMask == g.keyBits) &&
		(len(g.topBytes) == 0 || slices.Contains(g.topBytes, byte(key>>24)))
}

// matchesFtok says whether one of the files gives the key. A private object has none, and paths are those of our own
// namespaces.
func (g *signature) matchesFtok(s *Subject, files keyFiles) bool {
	return s.Key != 0 && s.Space == 0 && files != nil &&
		slices.ContainsFunc(g.ftokOf, func(pattern string) bool { return files(pattern).byBits[s.Key&0xffffff] != "" })
}

// onFile says whether it asks for more than kind, key and name.
func (g *signature) onFile() bool {
	return len(g.owners) > 0 || len(g.perms) > 0 || g.size.set || g.nsems.set || g.nattch.set || g.dest != nil
}

func (g *signature) matchesFile(s *Subject) bool {
	return g.size.holds(s.Size) && g.nsems.holds(s.NSems) && g.nattch.holds(s.NAttch) &&
		(g.dest == nil || *g.dest == s.Dest) &&
		(len(g.perms) == 0 || slices.Contains(g.perms, permsText(s.Perms))) &&
		(len(g.owners) == 0 || slices.Contains(g.owners, s.User) || slices.Contains(g.owners,
			strconv.FormatUint(uint64(s.UID), 10)))
}

// permsText writes permissions as files of signatures have them, in octal digits.
func permsText(perms uint32) string { return strconv.FormatUint(uint64(perms), 8) }

// match is what the signature makes of an object that it matches.
func (g *signature) match(pid int) Match {
	return Match{ID: g.id, Name: g.app, Confidence: g.confidence, Protect: g.protect, Why: g.why, NamedPID: pid}
}

// Signatures are those of the files that were read. They do not change.
type Signatures struct {
	byKind map[schema.Kind][]*signature // the first that matches wins
	apps   map[string]string            // names by id
}

// newSignatures orders signatures: the user's own first, then the surer, then the one that asks for more, then the
// earlier one.
func newSignatures(list []*signature) *Signatures {
	s := &Signatures{byKind: map[schema.Kind][]*signature{}, apps: map[string]string{}}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *signature) int {
		return cmp.Or(
			cmp.Compare(btoi(b.user), btoi(a.user)),
			cmp.Compare(slices.Index(confidences(), b.confidence), slices.Index(confidences(), a.confidence)),
			cmp.Compare(b.conditions, a.conditions),
			cmp.Compare(b.literalSize, a.literalSize),
			cmp.Compare(a.order, b.order))
	})
	for _, g := range list {
		for _, k := range g.kinds {
			s.byKind[k] = append(s.byKind[k], g)
		}
		s.apps[g.id] = g.app
	}
	return s
}

// confidences are the words from the least sure on.
func confidences() []string { return []string{Possible, Likely, Certain} }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// match finds the signature that fits best, and whether it is the user's own. An object that any of them protects is
// protected.
func (s *Signatures) match(subject *Subject, files keyFiles) (found Match, user bool) {
	for _, g := range s.byKind[subject.Kind] {
		if found.ID != "" && (!g.protect || found.Protect) {
			continue
		}
		pid, ok := g.matches(subject, files)
		switch {
		case !ok:
		case found.ID == "":
			found, user = g.match(pid), g.user
		default:
			found.Protect, found.Why = true, found.Why+"; "+g.why
		}
	}
	return found, user
}

// Protection finds the signature that says of an object that it is meant to be there unused, the one that fits best.
// Others are not asked: the files that they name are not looked for. unsure are patterns of files not all of which
// could be looked at, one of which may give its key.
func (s *Signatures) Protection(subject *Subject, files keyFiles) (found Match, ok bool, unsure []string) {
	for _, g := range s.byKind[subject.Kind] {
		if !g.protect {
			continue
		}
		if pid, ok := g.matches(subject, files); ok {
			return g.match(pid), true, nil
		}
		if len(g.ftokOf) > 0 && subject.Key != 0 && subject.Space == 0 && g.matchesKey(subject.Key) {
			unsure = append(unsure, slices.DeleteFunc(slices.Clone(g.ftokOf),
				func(pattern string) bool { return files(pattern).whole })...)
		}
	}
	return Match{}, false, unsure
}
