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

// Subject holds the facts about an object that signatures compare.
type Subject struct {
	Kind  schema.Kind
	Space uint64 // IPC namespace, as in Ref; 0: the reader's own
	ID    uint64 // System V id
	Key   uint32 // 0: private, or a removed segment, or no System V object
	// Name is the name of a POSIX object without its leading slash and without the "sem." of its file. For a memfd it
	// is the memfd's name. For a FIFO or a socket it is the whole path ("@name" if abstract). Untrusted bytes.
	Name string

	Unread         bool // owner, permissions and size are unreadable: the fields below mean nothing
	UID, GID, CUID uint32
	User           string // the owner's name, or the uid in digits
	Perms          uint32 // mode & 0777
	Size           uint64 // bytes
	NSems, NAttch  uint64
	Dest           bool
	CPid           int // creator's pid; 0: outside this pid namespace, or not known
}

// How sure a match is.
const (
	Certain  = "certain"  // no other software is known to make such objects
	Likely   = "likely"   // few other programs make such objects
	Possible = "possible" // other programs make such objects, too
)

// Match is the software that an object looks like. The zero value means unknown software.
type Match struct {
	ID, Name   string // "postgresql", "PostgreSQL"
	Confidence string // Certain, Likely or Possible
	// Protect is true if the object is meant to exist while nobody uses it.
	Protect bool
	Why     string // the reason for the match, one clause: "its name is …"
	// NamedPID is a pid that the software wrote into the name, 0: none. The pid is only valid in the pid namespace of
	// the software.
	NamedPID int
}

// signature is one entry of a file. All conditions that are set must hold. A condition that is not set always holds.
type signature struct {
	id, app, confidence, why string

	protect, user bool // user: from the user's file
	order         int  // position among the entries of all files
	kinds         []schema.Kind

	keys             []uint32 // the key must be one of them
	keyFrom, keyTo   uint32   // both inclusive, if hasRange
	keyMask, keyBits uint32   // if keyMask is not 0
	topBytes         []byte
	hasRange         bool
	ftokOf           []string // patterns of paths

	glob    string
	pattern *regexp.Regexp
	literal string // the literal first part of pattern
	pidAt   int    // number of the group in pattern that holds a pid; 0: none

	owners, perms           []string
	size, nsems, nattch     span
	dest                    *bool
	conditions, literalSize int // how specific the signature is
}

// span is a range of numbers, both ends inclusive.
type span struct {
	set      bool
	from, to uint64
}

func (s span) holds(n uint64) bool { return !s.set || n >= s.from && n <= s.to }

// keyFiles returns the files of a pattern.
type keyFiles func(pattern string) PatternFiles

// matches reports whether all conditions hold. pid is the pid in the name, or 0.
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

// namedPID parses a pid. It returns 0 if no process can have that pid: PID_MAX_LIMIT is 4194304
// (include/linux/threads.h).
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

// matchesFtok reports whether one of the files gives the key. A private object has no key. Paths are only valid in
// our own namespaces.
func (g *signature) matchesFtok(s *Subject, files keyFiles) bool {
	return s.Key != 0 && s.Space == 0 && files != nil &&
		slices.ContainsFunc(g.ftokOf, func(pattern string) bool { return files(pattern).byBits[s.Key&0xffffff] != "" })
}

// onFile reports whether the signature has conditions besides kind, key and name.
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

// permsText writes permissions in octal digits, as in signatures.yaml.
func permsText(perms uint32) string { return strconv.FormatUint(uint64(perms), 8) }

// match makes the Match of an object that the signature matches.
func (g *signature) match(pid int) Match {
	return Match{ID: g.id, Name: g.app, Confidence: g.confidence, Protect: g.protect, Why: g.why, NamedPID: pid}
}

// Signatures holds the signatures of all files. It never changes.
type Signatures struct {
	byKind map[schema.Kind][]*signature // in order; the first match wins
	apps   map[string]string            // names of software by id
}

// newSignatures puts signatures in order. The user's own come first, then the surer ones, then those with more
// conditions, then those earlier in the file.
func newSignatures(list []*signature) *Signatures {
	s := &Signatures{byKind: map[schema.Kind][]*signature{}, apps: map[string]string{}}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *signature) int {
		return cmp.Or(
			cmp.Compare(boolToInt(b.user), boolToInt(a.user)),
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

// confidences lists the words, the least sure first.
func confidences() []string { return []string{Possible, Likely, Certain} }

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// match finds the best signature for an object, and whether it is the user's own. If any matching signature protects
// the object, the object is protected.
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

// Protection finds the best signature that protects an object: the object is meant to exist unused. It ignores all
// other signatures, so their files need no search. unsure lists patterns that may give the object's key, but whose
// files were not all readable.
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
