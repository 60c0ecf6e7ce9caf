package relate_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/relate"
)

// The digits of evidenceOf's past are indices into fates, from 1.
var fates = []relate.Fate{relate.FateAlive, relate.FateDead, relate.FateReused, relate.FateOutside, relate.FateUnknown}

// evidenceOf builds evidence from numbers. past has a digit to the base 6 for each past user; 0: none. flags has a bit
// for each proof.
func evidenceOf(users, possible uint8, past uint16, flags uint8, age, grace int64) relate.Evidence {
	coverage := func(bit int) relate.Coverage { return relate.Coverage{Complete: flags>>bit&1 == 1} }
	e := relate.Evidence{
		Users: make([]relate.User, users%6), AllUsers: coverage(0), AllPast: coverage(1),
		PossibleUsers: make([]relate.PossibleUser, possible%6), AllPossibleUsers: coverage(2), AllRules: coverage(3),
		Now: now, Grace: time.Duration(grace),
	}
	for ; past > 0; past /= 6 {
		if n := past % 6; n > 0 {
			e.Past = append(e.Past, relate.Past{Role: "user", PID: int(past), Fate: fates[n-1]})
		}
	}
	if flags>>4&1 == 1 {
		e.Protected = "a rule"
	}
	if flags>>5&1 == 1 {
		e.LastUse = now.Add(-time.Duration(age))
	}
	return e
}

// proven is the definition of an orphan, without the steps of Judge.
func proven(e relate.Evidence) bool {
	for _, p := range e.Past {
		if p.Fate != relate.FateDead && p.Fate != relate.FateReused {
			return false
		}
	}
	age := e.Now.Sub(e.LastUse)
	return len(e.Users) == 0 && e.AllUsers.Complete && e.AllPast.Complete && len(e.PossibleUsers) == 0 &&
		e.AllPossibleUsers.Complete &&
		e.Protected == "" && e.AllRules.Complete && !e.LastUse.IsZero() && age >= e.Grace && age >= time.Second
}

// harshness ranks a verdict: a higher number is nearer to the advice to remove the object.
func harshness(v relate.Leak) int {
	return map[relate.Leak]int{relate.Suspect: 1, relate.Orphan: 2}[v]
}

// lesser lists the evidence with one piece taken away, for each piece.
func lesser(e relate.Evidence) []relate.Evidence {
	var all []relate.Evidence
	without := func(change func(*relate.Evidence)) {
		less := e
		less.Users, less.Past, less.PossibleUsers = slices.Clone(e.Users), slices.Clone(e.Past),
			slices.Clone(e.PossibleUsers)
		change(&less)
		all = append(all, less)
	}
	without(func(e *relate.Evidence) { e.AllUsers.MarkIncomplete("hidden") })
	without(func(e *relate.Evidence) { e.AllPast.MarkIncomplete("hidden") })
	without(func(e *relate.Evidence) { e.AllPossibleUsers.MarkIncomplete("hidden") })
	without(func(e *relate.Evidence) { e.Protected = ""; e.AllRules.MarkIncomplete("hidden") })
	without(func(e *relate.Evidence) { e.LastUse = time.Time{} })
	for i := range e.Users { // a user that is no longer seen makes the list incomplete
		without(func(e *relate.Evidence) {
			e.Users = slices.Delete(e.Users, i, i+1)
			e.AllUsers.MarkIncomplete("hidden")
		})
	}
	for i := range e.PossibleUsers {
		without(func(e *relate.Evidence) {
			e.PossibleUsers = slices.Delete(e.PossibleUsers, i, i+1)
			e.AllPossibleUsers.MarkIncomplete("hidden")
		})
	}
	for i := range e.Past {
		without(func(e *relate.Evidence) { e.Past = slices.Delete(e.Past, i, i+1); e.AllPast.MarkIncomplete("hidden") })
		without(func(e *relate.Evidence) { e.Past[i].Fate = relate.FateUnknown })
		without(func(e *relate.Evidence) { e.Past[i].Fate = relate.FateOutside })
	}
	return all
}

func FuzzJudge(f *testing.F) {
	hour := int64(time.Hour)
	f.Add(uint8(0), uint8(0), uint16(0), uint8(0), int64(0), int64(0))
	f.Add(uint8(0), uint8(0), uint16(2), uint8(0x2f), hour, hour/12) // an orphan
	f.Add(uint8(0), uint8(1), uint16(3), uint8(0x2f), hour, hour/12)
	f.Add(uint8(0), uint8(0), uint16(2), uint8(0x3f), hour, hour/12)
	f.Add(uint8(1), uint8(5), uint16(8), uint8(0x2f), int64(1), int64(0))
	f.Add(uint8(0), uint8(0), uint16(9), uint8(0x2f), -hour, -hour)
	f.Fuzz(func(t *testing.T, users, possible uint8, past uint16, flags uint8, age, grace int64) {
		e := evidenceOf(users, possible, past, flags, age, grace)
		got := relate.Judge(e)
		if (got.Verdict == relate.Orphan) != proven(e) {
			t.Errorf("%s of %+v", got.Verdict, e)
		}
		if !slices.Contains(relate.Leaks(), got.Verdict) {
			t.Errorf("%q is no verdict", got.Verdict)
		}
		if (got.Verdict == relate.Live) != (len(e.Users) > 0) {
			t.Errorf("%s with %d users", got.Verdict, len(e.Users))
		}
		for _, less := range lesser(e) {
			if now := relate.Judge(less); harshness(now.Verdict) > harshness(got.Verdict) {
				t.Errorf("%s, and %s with less evidence:\n%+v\n%+v", got.Verdict, now.Verdict, e, less)
			}
		}
	})
}
