package relate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Leak is a verdict on an object that can outlive its users.
type Leak string

// The words of the verdict column. Live is harmless; a person may remove an Orphan.
const (
	Live      Leak = "live"      // a process uses the object now
	Protected Leak = "protected" // a signature or the user's rule says that the object is meant to stay unused
	Idle      Leak = "idle"      // nobody uses the object, but a known past user lives
	Unknown   Leak = "unknown"   // the reader lacks rights, or cannot see all processes
	// Nobody uses the object and no known past user lives. But a living process could know it, or it is too young.
	Suspect Leak = "suspect"
	Orphan  Leak = "orphan" // nobody uses the object, no known past user lives, and no living process could know it
)

// Leaks lists the verdicts in the order of their interest to a person.
func Leaks() []Leak { return []Leak{Orphan, Suspect, Unknown, Idle, Protected, Live} }

// Coverage tells if a list is known to be complete. The zero value is no proof: an unseen process may exist.
type Coverage struct {
	Complete bool
	Says     []string // if Complete, the facts that prove it; else the reasons why the list may lack entries
}

// MarkIncomplete takes the proof away and adds a reason. A repeated reason is kept once.
func (c *Coverage) MarkIncomplete(reason string) {
	if c.Complete {
		*c = Coverage{}
	}
	if !slices.Contains(c.Says, reason) {
		c.Says = append(c.Says, reason)
	}
}

// User is a process that uses an object now.
type User struct {
	Who     string // "process 4242/postgres"
	How     string // "has it attached", "waits in msgrcv"
	Stopped bool   // the process does nothing until it gets SIGCONT
}

// Fate tells the present state of a past user. Its words are those of the creator_state column.
type Fate string

// The fates.
const (
	FateAlive   Fate = "alive"
	FateDead    Fate = "dead"
	FateReused  Fate = "reused"  // a younger process has its pid
	FateOutside Fate = "outside" // the process is outside the reader's pid namespace
	FateUnknown Fate = "unknown"
)

// Past is a past user of an object. The kernel recorded its pid.
type Past struct {
	Role string // "creator", "last sender"
	PID  int
	Fate Fate
	Who  string // the process that has the pid now: "4242/bash, started 10:31:02"; "": none
}

// PossibleUser is a living process that could still know an object, and so use it again.
type PossibleUser struct {
	Who string // "812/postgres, user postgres"
	Why string // "started before its last use"
}

// Evidence holds the known facts about the use of one object.
type Evidence struct {
	Users    []User
	AllUsers Coverage // proof that Users is complete
	Removed  string   // says that the object was removed already, and what will free its memory; "": not removed

	Past    []Past
	AllPast Coverage // proof that the kernel's records of past users could be read

	PossibleUsers     []PossibleUser
	MorePossibleUsers int      // possible users that PossibleUsers leaves out
	AllPossibleUsers  Coverage // proof that no other living process could know the object
	Owners            []string // names of the accounts whose processes were checked

	Protected string   // the rule that lets the object stay unused; "": there is none
	AllRules  Coverage // proof that every rule could be read

	Now     time.Time
	LastUse time.Time     // the object's latest recorded moment: creation, operation or change; zero: not known
	Grace   time.Duration // the age below which an object is never called an orphan
}

// Judgement is a verdict with its reasons: one sentence each, without a full stop.
type Judgement struct {
	Verdict Leak
	Reasons []string
}

// Judge decides if an object is leaked. Orphan needs proof of five facts: nobody uses the object, all known past users
// are gone, no living process could know it, no rule protects it, and it is older than the grace time. Less evidence
// never gives a harsher verdict.
func Judge(e Evidence) Judgement {
	switch {
	case len(e.Users) > 0:
		return Judgement{Live, e.useReasons()}
	case e.Protected != "":
		return Judgement{Protected, append([]string{e.Protected}, e.AllUsers.Says...)}
	}
	reasons := append(slices.Clone(e.AllUsers.Says), e.pastReasons()...)
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
	case len(e.PossibleUsers)+e.MorePossibleUsers > 0:
		return Judgement{Suspect, append(reasons, e.possibleReasons()...)}
	case !e.AllPossibleUsers.Complete:
		return Judgement{Unknown, append(reasons, e.AllPossibleUsers.Says...)}
	case e.LastUse.IsZero():
		return Judgement{Unknown, append(reasons, "when it was last used is not known")}
	}
	reasons = append(reasons, e.AllPossibleUsers.Says...)
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

// mostNamed is the number of processes that a verdict names. It names a fourth process instead of "1 more".
const mostNamed = 3

// MostPossibleUsers is the largest number of possible users that a verdict can name. It only counts the others.
const MostPossibleUsers = mostNamed + 1

// AddPossibleUser adds a possible user if a verdict can still name it, and else only counts it. It calls describe only
// for a user that it adds.
func (e *Evidence) AddPossibleUser(describe func() PossibleUser) {
	if len(e.PossibleUsers) < MostPossibleUsers {
		e.PossibleUsers = append(e.PossibleUsers, describe())
		return
	}
	e.MorePossibleUsers++
}

// useReasons lists the present users.
func (e *Evidence) useReasons() []string {
	var reasons []string
	for i, u := range e.Users {
		if i == mostNamed && len(e.Users) > mostNamed+1 {
			reasons = append(reasons, fmt.Sprintf("%d more use it", len(e.Users)-mostNamed))
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

// pastReasons tells the fate of each past user. A process with several roles gets one sentence.
func (e *Evidence) pastReasons() []string {
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
		reasons = append(reasons, p.reason(strings.Join(roles, " and ")))
	}
	return reasons
}

// reason tells the past user's fate in a sentence.
func (p *Past) reason(role string) string {
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

// possibleReasons lists the possible users.
func (e *Evidence) possibleReasons() []string {
	var reasons []string
	all := len(e.PossibleUsers) + e.MorePossibleUsers
	for i, p := range e.PossibleUsers {
		if i == mostNamed && all > mostNamed+1 {
			return append(reasons, fmt.Sprintf("could still know it: %d more processes", all-mostNamed))
		}
		reasons = append(reasons, "could still know it: "+p.Who+", "+p.Why)
	}
	return reasons
}

// leastAge is the lowest age of an orphan. The kernel stores the times of System V objects in whole seconds. A use in
// the last second may therefore be later than the look at the processes.
const leastAge = time.Second

// age tells if the object's last use is too recent for an orphan, and says why.
func (e *Evidence) age() (young bool, says string) {
	age := e.Now.Sub(e.LastUse)
	switch {
	case age < 0:
		return true, "its last use is " + span(-age) + " ahead of the clock, which was set since"
	case age < leastAge:
		return true, "it was last used less than a second ago"
	case age < e.Grace:
		return true, fmt.Sprintf("it was last used %s ago, within the grace time of %s", span(age), span(e.Grace))
	case e.Grace <= 0:
		return false, fmt.Sprintf("it was last used %s ago", span(age))
	}
	return false, fmt.Sprintf("it was last used %s ago, longer than the grace time of %s", span(age), span(e.Grace))
}

// span formats a duration in whole seconds and drops zero minutes and seconds at the end: "5m", "2h3m".
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
