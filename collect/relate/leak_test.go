package relate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/relate"
)

var now = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// provenOrphan is the evidence of an orphan: every fact is proven.
func provenOrphan() relate.Evidence {
	return relate.Evidence{
		AllUsers:         relate.Coverage{Complete: true, Says: []string{"nobody has it attached: nattch is 0"}},
		Past:             []relate.Past{{Role: "creator", PID: 42, Fate: relate.FateDead}},
		AllPast:          relate.Coverage{Complete: true},
		AllPossibleUsers: relate.Coverage{Complete: true},
		AllRules:         relate.Coverage{Complete: true},
		Now:              now, LastUse: now.Add(-time.Hour), Grace: 5 * time.Minute,
	}
}

func TestJudge(t *testing.T) {
	const unused, gone = "nobody has it attached: nattch is 0", "its creator, process 42, is gone"
	const old = "it was last used 1h ago, longer than the grace time of 5m"
	cat := relate.User{Who: "process 7/cat", How: "has it attached"}
	stopped := relate.User{Who: "process 8/vi", How: "has it attached", Stopped: true}
	older := func(who string) relate.PossibleUser {
		return relate.PossibleUser{Who: who, Why: "started before its last use"}
	}
	for name, c := range map[string]struct {
		change func(*relate.Evidence)
		want   relate.Judgement
	}{
		"all is proven": {func(*relate.Evidence) {}, relate.Judgement{relate.Orphan, []string{unused, gone, old}}},
		"the pid of the creator is another's": {func(e *relate.Evidence) {
			e.Past = []relate.Past{{Role: "creator", PID: 42, Fate: relate.FateReused,
				Who: "42/bash, started 10:31:02"}}
		}, relate.Judgement{relate.Orphan,
			[]string{unused, "pid 42 of its creator belongs to a younger process, 42/bash, started 10:31:02", old}}},
		"nobody is known to have used it": {func(e *relate.Evidence) { e.Past = nil },
			relate.Judgement{relate.Orphan, []string{unused, old}}},
		"attached": {func(e *relate.Evidence) { e.Users = []relate.User{cat} },
			relate.Judgement{relate.Live, []string{"process 7/cat has it attached"}}},
		"attached by some stopped processes": {func(e *relate.Evidence) { e.Users = []relate.User{cat, stopped} },
			relate.Judgement{relate.Live,
				[]string{"process 7/cat has it attached", "process 8/vi has it attached, and is stopped"}}},
		"attached only by a stopped process": {func(e *relate.Evidence) { e.Users = []relate.User{stopped} },
			relate.Judgement{relate.Live,
				[]string{"process 8/vi has it attached, and is stopped",
					"only stopped processes use it: they go on when somebody sends SIGCONT"}}},
		"a stopped process is the only one that could be seen": {func(e *relate.Evidence) {
			e.Users,
				e.AllUsers = []relate.User{stopped}, relate.Coverage{}
		},
			relate.Judgement{relate.Live, []string{"process 8/vi has it attached, and is stopped"}}},
		"removed and attached": {func(e *relate.Evidence) {
			e.Users, e.Removed = []relate.User{cat}, "removed already"
		},
			relate.Judgement{relate.Live, []string{"process 7/cat has it attached", "removed already"}}},
		"many users": {func(e *relate.Evidence) { e.Users = []relate.User{cat, cat, cat, cat, cat} },
			relate.Judgement{relate.Live,
				[]string{"process 7/cat has it attached", "process 7/cat has it attached",
					"process 7/cat has it attached", "2 more use it"}}},
		"protected": {func(e *relate.Evidence) { e.Protected = "it is PostgreSQL's" },
			relate.Judgement{relate.Protected, []string{"it is PostgreSQL's", unused}}},
		"protected and used": {func(e *relate.Evidence) {
			e.Protected, e.Users = "it is PostgreSQL's", []relate.User{cat}
		},
			relate.Judgement{relate.Live, []string{"process 7/cat has it attached"}}},
		"who uses it cannot be read": {func(e *relate.Evidence) {
			e.AllUsers = relate.Coverage{}
			e.AllUsers.MarkIncomplete("its waiters could not be read")
		},
			relate.Judgement{relate.Unknown, []string{"its waiters could not be read", gone}}},
		"its creator lives": {func(e *relate.Evidence) { e.Past[0].Fate, e.Past[0].Who = relate.FateAlive, "42/make" },
			relate.Judgement{relate.Idle, []string{unused, "its creator lives: 42/make"}}},
		"its creator died, its last user lives": {func(e *relate.Evidence) {
			e.Past = append(e.Past, relate.Past{Role: "last user", PID: 43, Fate: relate.FateAlive, Who: "43/make"})
		}, relate.Judgement{relate.Idle, []string{unused, gone, "its last user lives: 43/make"}}},
		"one process in two roles": {func(e *relate.Evidence) {
			e.Past = append(e.Past, relate.Past{Role: "last user", PID: 42, Fate: relate.FateDead})
		}, relate.Judgement{relate.Orphan, []string{unused, "its creator and last user, process 42, is gone", old}}},
		"its creator cannot be seen": {func(e *relate.Evidence) {
			e.Past[0] = relate.Past{Role: "creator",
				Fate: relate.FateOutside}
		},
			relate.Judgement{relate.Unknown, []string{unused, "its creator is outside this pid namespace and " +
				"cannot be seen"}}},
		"what became of its creator is not known": {func(e *relate.Evidence) { e.Past[0].Fate = relate.FateUnknown },
			relate.Judgement{relate.Unknown,
				[]string{unused, "what became of its creator, process 42, cannot be told"}}},
		"who used it last cannot be read": {func(e *relate.Evidence) {
			e.AllPast.MarkIncomplete("who changed it last could not be read")
		},
			relate.Judgement{relate.Unknown, []string{unused, gone, "who changed it last could not be read"}}},
		"an older process of its owner lives": {func(e *relate.Evidence) {
			e.PossibleUsers = []relate.PossibleUser{older("812/postgres, user postgres")}
		},
			relate.Judgement{relate.Suspect,
				[]string{unused, gone,
					"could still know it: 812/postgres, user postgres, started before its last use"}}},
		"many older processes live": {func(e *relate.Evidence) {
			e.PossibleUsers = []relate.PossibleUser{older("1/a"), older("2/b"), older("3/c"), older("4/d"),
				older("5/e")}
		}, relate.Judgement{relate.Suspect, []string{unused, gone, "could still know it: 1/a, started " +
			"before its last use",
			"could still know it: 2/b, started before its last use", "could still know it: 3/c, started " +
				"before its last use",
			"could still know it: 2 more processes"}}},
		"more older processes than are told": {func(e *relate.Evidence) {
			e.PossibleUsers, e.MorePossibleUsers = []relate.PossibleUser{older("1/a"), older("2/b"), older("3/c"),
				older("4/d")},
				1000
		}, relate.Judgement{relate.Suspect, []string{unused, gone, "could still know it: 1/a, started " +
			"before its last use",
			"could still know it: 2/b, started before its last use", "could still know it: 3/c, started " +
				"before its last use",
			"could still know it: 1001 more processes"}}},
		"processes are hidden": {func(e *relate.Evidence) { e.AllPossibleUsers.MarkIncomplete("processes are hidden") },
			relate.Judgement{relate.Unknown, []string{unused, gone, "processes are hidden"}}},
		"a rule could not be read": {func(e *relate.Evidence) {
			e.AllRules.MarkIncomplete("signatures.yaml could not be read")
		},
			relate.Judgement{relate.Unknown, []string{unused, gone, "signatures.yaml could not be read"}}},
		"of two users": {func(e *relate.Evidence) { e.Owners = []string{"app", "root"} },
			relate.Judgement{relate.Orphan,
				[]string{unused, gone, "none of the processes of app or root is older than its last use, " +
					"bystanders aside", old}}},
		"young": {func(e *relate.Evidence) { e.LastUse = now.Add(-4 * time.Minute) },
			relate.Judgement{relate.Suspect, []string{unused, gone, "it was last used 4m ago, within the " +
				"grace time of 5m"}}},
		"as old as the grace time": {func(e *relate.Evidence) { e.LastUse = now.Add(-5 * time.Minute) },
			relate.Judgement{relate.Orphan,
				[]string{unused, gone, "it was last used 5m ago, longer than the grace time of 5m"}}},
		"no grace": {func(e *relate.Evidence) { e.LastUse, e.Grace = now.Add(-time.Second), 0 },
			relate.Judgement{relate.Orphan, []string{unused, gone, "it was last used 1s ago"}}},
		"no grace, and used just now": {func(e *relate.Evidence) { e.LastUse, e.Grace = now.Add(-time.Millisecond), 0 },
			relate.Judgement{relate.Suspect, []string{unused, gone, "it was last used less than a second ago"}}},
		"used in the future": {func(e *relate.Evidence) { e.LastUse, e.Grace = now.Add(time.Hour), 0 },
			relate.Judgement{relate.Suspect,
				[]string{unused, gone, "its last use is 1h ahead of the clock, which was set since"}}},
		"used nobody knows when": {func(e *relate.Evidence) { e.LastUse = time.Time{} },
			relate.Judgement{relate.Unknown, []string{unused, gone, "when it was last used is not known"}}},
		"nothing is known": {func(e *relate.Evidence) { *e = relate.Evidence{} },
			relate.Judgement{relate.Unknown, nil}},
	} {
		e := provenOrphan()
		c.change(&e)
		if diff := cmp.Diff(c.want, relate.Judge(e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
