package relate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Leak is a verdict on an object that outlives its users.
type Leak string

// The words of the verdict column, from the harmless to the one that a person may remove.
const (
	Live      Leak = "live"      // somebody uses it now
	Protected Leak = "protected" // a signature or the user's rule says that it is meant to be there unused
	Idle      Leak = "idle"      // nobody uses it, but somebody known to have used it lives
	Unknown   Leak = "unknown"   // rights or sight are missing to tell
	// nobody uses it and no known user lives, but somebody living could know it, or it is too young
	Suspect Leak = "suspect"
	Orphan  Leak = "orphan" // nobody uses it, no known user lives, and nobody living could know it
)

// Leaks lists the verdicts in the order in which a person wants to see them.
func Leaks() []Leak { return []Leak{Orphan, Suspect, Unknown, Idle, Protected, Live} }

// Sight says how far a list can be trusted. The zero value is no proof: unseen is never absent.
type Sight struct {
	Complete bool
	Says     []string // the facts that prove it or, where the list may lack something, what hides the rest
}

// Hide takes the proof away. says is what hides the rest; it is told once.
func (s *Sight) Hide(says string) {
	if s.Complete {
		*s = Sight{}
	}
	if !slices.Contains(s.Says, says) {
		s.Says = append(s.Says, says)
	}
}

// User is somebody who uses an object now.
type User struct {
	Who     string // "process 4242/postgres"
	How     string // "has it attached", "waits in msgrcv"
	Stopped bool   // it does nothing until somebody sends it SIGCONT
}

// Fate is what became of somebody who used an object: the words of creator_state.
type Fate string

// The fates.
const (
	FateAlive   Fate = "alive"
	FateDead    Fate = "dead"
	FateReused  Fate = "reused"  // its pid belongs to a younger process
	FateOutside Fate = "outside" // it is not in the reader's pid namespace
	FateUnknown Fate = "unknown"
)

// Past is somebody known to have used an object, by the pid that the kernel recorded.
type Past struct {
	Role string // "creator", "last sender"
	PID  int
	Fate Fate
	Who  string // who has the pid now: "4242/bash, started 10:31:02"; "" for nobody
}

// Elder is a living process that could still know an object.
type Elder struct {
	Who string // "812/postgres, user postgres"
	Why string // "started before its last use"
}

// Evidence is what was seen of an object's use.
type Evidence struct {
	Users    []User
	AllUsers Sight  // that nobody else uses it
	Removed  string // it was removed already, and what will free it; "": it was not

	Past    []Past
	AllPast Sight // that the records of who used it could be read

	Elders     []Elder
	MoreElders int      // how many there are besides those
	AllElders  Sight    // that no other living process could know it
	Owners     []string // the users of whom these would be, by name

	Protected string // why it is meant to be there unused; "": no rule says so
	AllRules  Sight  // that every rule could be read

	Now     time.Time
	LastUse time.Time // the latest moment that it records: creation, operation, change; zero: not known
	Grace   time.Duration
}

// Judgement is a verdict with the facts that lead to it, one sentence each, without a full stop.
type Judgement struct {
	Verdict Leak
	Reasons []string
}

// Judge says whether an object is leaked. It says orphan only where all of it is proven: nobody uses it, everybody
// known to have used it is gone, nobody living could still know it, no rule protects it, and it is older than the
// grace time. Less evidence never gives a harsher verdict.
func Judge(e Evidence) Judgement {
	switch {
	case len(e.Users) > 0:
		return Judgement{Live, e.use()}
	case e.Protected != "":
		return Judgement{Protected, append([]string{e.Protected}, e.AllUsers.Says...)}
	}
	reasons := append(slices.Clone(e.AllUsers.Says), e.past()...)
	fate := func(fates ...Fate) bool {
		return slices.ContainsFunc(e.Past, func(p Past) bool { return slices.Contains(fates, p.Fate) })
	}
	gone := !slices.ContainsFunc(e.Past, func(p Past) bool { return p.Fate != FateDead && p.Fate != FateReused })
	switch {
	case !e.AllUsers.Complete:
		return Judgement{Unknown, reasons}
	case fate(FateAlive):
		return Judgement{Idle, reasons}
	case !gone || !e.AllPast.Complete:
		return Judgement{Unknown, append(reasons, e.AllPast.Says...)}
	}
	reasons = append(reasons, e.AllPast.Says...)
	switch {
	case !e.AllRules.Complete:
		return Judgement{Unknown, append(reasons, e.AllRules.Says...)}
	case len(e.Elders)+e.MoreElders > 0:
		return Judgement{Suspect, append(reasons, e.elders()...)}
	case !e.AllElders.Complete:
		return Judgement{Unknown, append(reasons, e.AllElders.Says...)}
	case e.LastUse.IsZero():
		return Judgement{Unknown, append(reasons, "when it was last used is not known")}
	}
	reasons = append(reasons, e.AllElders.Says...)
	if len(e.Owners) > 0 {
		reasons = append(reasons, "none of the processes of "+strings.Join(e.Owners, " or ")+
			" is older than its last use, bystanders aside")
	}
	young, says := e.age()
	if young {
		return Judgement{Suspect, append(reasons, says)}
	}
	return Judgement{Orphan, append(reasons, says)}
}

// named is how many processes a verdict names, one more if that is all.
const named = 3

// MostElders is how many of the Elders a verdict may name: others are counted.
const MostElders = named + 1

// Another says whether one more of the Elders is to be told of. One that is not, it counts.
func (e *Evidence) Another() bool {
	if len(e.Elders) < MostElders {
		return true
	}
	e.MoreElders++
	return false
}

// use tells who uses the object.
func (e *Evidence) use() []string {
	var reasons []string
	for i, u := range e.Users {
		if i == named && len(e.Users) > named+1 {
			reasons = append(reasons, fmt.Sprintf("%d more use it", len(e.Users)-named))
			break
		}
		says := u.Who + " " + u.How
		if u.Stopped {
			says += ", and is stopped"
		}
		reasons = append(reasons, says)
	}
	if e.AllUsers.Complete && !slices.ContainsFunc(e.Users, func(u User) bool { return !u.Stopped }) {
		reasons = append(reasons, "only stopped processes use it: they go on when somebody sends SIGCONT")
	}
	if e.Removed != "" {
		reasons = append(reasons, e.Removed)
	}
	return reasons
}

// past tells what became of those who used it. One process in several roles is told once.
func (e *Evidence) past() []string {
	var reasons []string
	for i, p := range e.Past {
		same := func(q Past) bool { return q.PID == p.PID && q.Fate == p.Fate && q.Who == p.Who }
		if slices.IndexFunc(e.Past, same) < i {
			continue
		}
		var roles []string
		for _, q := range e.Past {
			if same(q) && !slices.Contains(roles, q.Role) {
				roles = append(roles, q.Role)
			}
		}
		reasons = append(reasons, p.says(strings.Join(roles, " and ")))
	}
	return reasons
}

func (p *Past) says(role string) string {
	switch p.Fate {
	case FateAlive:
		return fmt.Sprintf("its %s lives: %s", role, p.Who)
	case FateDead:
		return fmt.Sprintf("its %s, process %d, is gone", role, p.PID)
	case FateReused:
		return fmt.Sprintf("pid %d of its %s belongs to a younger process, %s", p.PID, role, p.Who)
	case FateOutside:
		return fmt.Sprintf("its %s is outside this pid namespace and cannot be seen", role)
	}
	return fmt.Sprintf("what became of its %s, process %d, cannot be told", role, p.PID)
}

func (e *Evidence) elders() []string {
	var reasons []string
	all := len(e.Elders) + e.MoreElders
	for i, p := range e.Elders {
		if i == named && all > named+1 {
			return append(reasons, fmt.Sprintf("could still know it: %d more processes", all-named))
		}
		reasons = append(reasons, fmt.Sprintf("could still know it: %s, %s", p.Who, p.Why))
	}
	return reasons
}

// shortest is the least age of an orphan. The kernel cuts its moments to whole seconds: what seems to be used within
// the last one may have been used since the processes were looked at.
const shortest = time.Second

// age says whether the object was used too lately to be called an orphan.
func (e *Evidence) age() (young bool, says string) {
	age := e.Now.Sub(e.LastUse)
	switch {
	case age < 0:
		return true, "its last use is " + span(-age) + " ahead of the clock, which was set since"
	case age < shortest:
		return true, "it was last used less than a second ago"
	case age < e.Grace:
		return true, fmt.Sprintf("it was last used %s ago, within the grace time of %s", span(age), span(e.Grace))
	case e.Grace <= 0:
		return false, fmt.Sprintf("it was last used %s ago", span(age))
	}
	return false, fmt.Sprintf("it was last used %s ago, longer than the grace time of %s", span(age), span(e.Grace))
}

// span writes a duration in whole seconds without zeros behind: "5m", "2h3m".
func span(d time.Duration) string {
	s := d.Truncate(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
