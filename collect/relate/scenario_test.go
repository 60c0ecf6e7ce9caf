package relate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/schema"
)

// parse reads tasks from lines such as "10 waits timed 20 30?" or "10.11 runs". A line starts with a process, or with
// process.thread. After "waits" come the Enders: "?" marks an inferred Ender, "~" a weak Ender. "timed" and "open" may
// stand among them.
func parse(t *testing.T, text string) []Task {
	t.Helper()
	thread := func(word string) (schema.Ref, int) {
		var pid, tid int
		if n, _ := fmt.Sscanf(word, "%d.%d", &pid, &tid); n == 0 {
			t.Fatalf("%q is no process", word)
		}
		return proc(pid), tid
	}
	var tasks []Task
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		p, tid := thread(words[0])
		if tid == 0 {
			tid = int(p.ID)
		}
		task := Task{Thread: Thread{p, tid}, Comm: "w"}
		switch words[1] {
		case "runs":
			task.Doing = "runs"
		case "nanosleep":
			task.Doing = "sleeps in nanosleep"
		case "stopped":
			task.Activity, task.Doing = Stopped, "is stopped"
		case "waits":
			task.Activity = Waiting
			task.Wait = Wait{On: schema.Ref{Kind: schema.Sem, ID: 5}, Call: "semop", Via: "semop [0] -1"}
			for _, w := range words[2:] {
				switch w {
				case "timed":
					task.Wait.Timed = true
				case "open":
					task.Wait.Open = "anybody"
				default:
					e := Ender{How: "holds it", Proof: schema.Observed}
					if strings.HasSuffix(w, "?") {
						e.How, e.Proof = "changed it last", schema.Inferred
					}
					if strings.HasSuffix(w, "~") {
						e.How, e.Proof, e.Weak = "may know it", schema.Inferred, true
					}
					e.Proc, e.TID = thread(strings.TrimRight(w, "?~"))
					task.Wait.Enders = append(task.Wait.Enders, e)
				}
			}
		default:
			t.Fatalf("nobody %s", words[1])
		}
		tasks = append(tasks, task)
	}
	return tasks
}

// picture draws the forest in lines such as "10 deadlock", with the children indented.
func picture(s *Solution) string {
	var b strings.Builder
	depth := make([]int, len(s.Nodes))
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Parent >= 0 {
			depth[i] = depth[n.Parent] + 1
		}
		id := fmt.Sprint(n.Task.Proc.ID)
		if uint64(n.Task.TID) != n.Task.Proc.ID {
			id += fmt.Sprint(".", n.Task.TID)
		}
		fmt.Fprintf(&b, "%s%s %s\n", strings.Repeat("  ", depth[i]), id, n.Status)
	}
	return b.String()
}

func TestScenarios(t *testing.T) {
	for _, test := range []struct {
		name, tasks string
		want        string   // the forest
		says        []string // the findings: severity and sentence
	}{
		{"ABBA", "10 waits 20\n20 waits 10", `
10 deadlock
  20 deadlock
`, []string{"critical deadlock: 10/w waits for sem:5 (semop [0] -1), which 20/w holds; 20/w waits for sem:5 (semop " +
			"[0] -1), which 10/w holds"}},
		{"ABBA by guess", "10 waits 20\n20 waits 10?", `
10 deadlock
  20 deadlock
`, []string{"critical likely deadlock: 10/w waits for sem:5 (semop [0] -1), which 20/w holds; " +
			"20/w waits for sem:5 (semop [0] -1), which 10/w changed last"}},
		{"what is known comes before what is likely, in the tree and in words",
			"10 waits 20?\n20 waits 30\n30 waits 10\n40 waits 50\n50 waits 40", `
40 deadlock
  50 deadlock
10 deadlock
  30 deadlock
    20 deadlock
`, []string{"critical deadlock: 40/w waits for sem:5 (semop [0] -1), which 50/w holds; 50/w waits for sem:5 (semop " +
				"[0] -1), which 40/w holds",
				"critical likely deadlock: 10/w waits for sem:5 (semop [0] -1), which 20/w changed last; " +
					"20/w waits for sem:5 (semop [0] -1), which 30/w holds; 30/w waits for sem:5 (semop [0] -1), " +
					"which 10/w holds"}},
		{"three in a ring, and who hangs on them", "10 waits 20\n20 waits 30\n30 waits 10\n40 waits 20\n50 waits 40 10",
			`
10 deadlock
  30 deadlock
    20 deadlock
      40 hangs
  50 hangs
`, []string{"critical deadlock: 10/w waits for sem:5 (semop [0] -1), which 20/w holds; 20/w waits for sem:5 (semop " +
				"[0] -1), which 30/w holds; 30/w waits for sem:5 (semop [0] -1), which 10/w holds"}},
		{"a ring with a way out", "10 waits 20\n20 waits 30 40\n30 waits 10\n40 runs", `
40 runs
  20 waits
    10 waits
      30 waits
`, nil},
		{"a ring with a way out that nobody saw", "10 waits 20\n20 waits 10 99", `
20 waits
  10 waits
`, nil},
		{"a ring with a stopped member", "10 waits 20\n20 waits 30\n30 stopped", `
30 stopped
  20 stopped
    10 stopped
`, []string{"warning blocked by a stopped process: 20/w waits for sem:5 (semop [0] -1), which 30/w holds; " +
			"2 threads in all wait for it to go on"}},
		{"a ring that a stopped process could break", "10 waits 20 30\n20 waits 10\n30 stopped", `
30 stopped
  10 stopped
    20 stopped
`, []string{"warning blocked by a stopped process: 10/w waits for sem:5 (semop [0] -1), which 30/w holds; " +
			"2 threads in all wait for it to go on"}},
		{"a ring with a timed member", "10 waits timed 20\n20 waits 10", `
10 timed
  20 waits
`, nil},
		{"a ring with an open member", "10 waits open 20\n20 waits 10", `
10 waits
  20 waits
`, nil},
		{"a member has another thread that runs", "10 waits 20\n20 waits 10\n20.21 runs", `
20.21 runs
  10 waits
    20 waits
`, nil},
		{"all threads of a member wait in the ring", "10 waits 20\n20 waits 10\n20.21 waits 10", `
10 deadlock
  20 deadlock
  20.21 deadlock
`, []string{"critical deadlock: 10/w waits for sem:5 (semop [0] -1), which 20/w holds; 20/w waits for sem:5 (semop " +
			"[0] -1), which 10/w holds"}},
		{"two threads hold each other's mutex while a third runs", "10 waits 10.11\n10.11 waits 10.10\n10.12 runs", `
10 deadlock
  10.11 deadlock
`, []string{"critical deadlock: 10/w waits for sem:5 (semop [0] -1), which 10/w (thread 11) holds; " +
			"10/w (thread 11) waits for sem:5 (semop [0] -1), which 10/w holds"}},
		{"a thread locks its own mutex again", "10 waits 10.10\n20 waits 10", `
10 deadlock
  20 hangs
`, []string{"critical deadlock: 10/w waits for sem:5 (semop [0] -1), which 10/w holds"}},
		{"threads of one process read a pipe that only it writes", "10 waits 10\n10.11 waits 10", `
10 deadlock
  10.11 deadlock
`, []string{"critical deadlock: 10/w waits for sem:5 (semop [0] -1), which 10/w (thread 11) holds; " +
			"10/w (thread 11) waits for sem:5 (semop [0] -1), which 10/w holds"}},
		{"the holder died", "10 waits", `
10 stuck
`, []string{"warning stuck: 10/w waits for sem:5 (semop [0] -1), and nobody is left who could end it"}},
		{"the holder died, others hang on who waits", "10 waits\n20 waits 10\n30 waits 20", `
10 stuck
  20 hangs
    30 hangs
`, []string{"critical stuck: 10/w waits for sem:5 (semop [0] -1), and nobody is left who could end it"}},
		{"the holder died, relatives that may know the semaphore wait as well",
			"10 waits 20~ 30~\n20 waits 10~ 30~\n30 waits 10~ 20~", `
10 stuck
20 stuck
30 stuck
`, []string{"warning likely stuck: 10/w, 20/w, 30/w wait for sem:5 (semop [0] -1), and nobody is left " +
				"who could end it"}},
		{"a relative that runs may know the semaphore", "10 waits 20 30~\n20 waits 10\n30 runs", `
30 runs
  10 waits
    20 waits
`, nil},
		{"only the thread itself could write to its pipe", "10 waits 10", `
10 stuck
`, []string{"warning stuck: 10/w waits for sem:5 (semop [0] -1), and nobody is left who could end it"}},
		{"a full pipe whose reader sleeps", "10 waits 20\n20 nanosleep", `
20 runs
  10 waits
`, nil},
		{"a timed wait behind a deadlock", "10 waits 20\n20 waits 10\n30 waits timed 20", `
10 deadlock
  20 deadlock
    30 timed
`, []string{"critical deadlock: 10/w waits for sem:5 (semop [0] -1), which 20/w holds; 20/w waits for sem:5 (semop " +
			"[0] -1), which 10/w holds"}},
		{"a server without clients", "10 waits open", "\n10 open\n", nil},
		{"root causes in order",
			"10 runs\n11 waits 10\n20 stopped\n21 waits 20\n30 waits\n40 waits 41\n41 waits 40\n50 " +
				"runs\n51 waits 50\n52 waits 51", `
40 deadlock
  41 deadlock
30 stuck
20 stopped
  21 stopped
50 runs
  51 waits
    52 waits
10 runs
  11 waits
`, []string{
				"critical deadlock: 40/w waits for sem:5 (semop [0] -1), which 41/w holds; 41/w waits for sem:5 " +
					"(semop [0] -1), " +
					"which 40/w holds",
				"warning stuck: 30/w waits for sem:5 (semop [0] -1), and nobody is left who could end it",
				"warning blocked by a stopped process: 21/w waits for sem:5 (semop [0] -1), which 20/w holds"}},
		{"observed before inferred, running before waiting", "10 waits 20? 30 40\n20 runs\n30 waits 40\n40 runs", `
40 runs
  10 waits
  30 waits
`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			tasks := parse(t, test.tasks)
			for range 2 { // the order of the tasks does not matter
				s := Solve(tasks)
				if diff := cmp.Diff(strings.TrimLeft(test.want, "\n"), picture(s)); diff != "" {
					t.Error(diff)
				}
				var says []string
				for _, f := range s.Findings() {
					says = append(says, string(f.Severity)+" "+f.Says)
				}
				if diff := cmp.Diff(test.says, says); diff != "" {
					t.Error(diff)
				}
				slices.Reverse(tasks)
			}
		})
	}
}

// A thread counts as stuck only if both samples show it in the same wait.
func TestConfirmed(t *testing.T) {
	abba := "10 waits 20\n20 waits 10\n30 waits 10"
	deadlock := "10 deadlock\n  20 deadlock\n  30 hangs\n"
	for _, test := range []struct {
		name    string
		before  string
		now     string
		change  func([]Task) // to the second sample
		want    string
		pending bool
	}{
		{"nothing has changed", abba, abba, nil, deadlock, false},
		{"a member slept anew", abba, abba, func(tasks []Task) { tasks[1].Wait.Token++ },
			"20 waits\n  10 waits\n    30 waits\n", true},
		{"a member waits for another object", abba, abba, func(tasks []Task) { tasks[0].Wait.On.ID++ },
			"10 waits\n  20 waits\n  30 waits\n", true},
		{"a member does another operation", abba, abba, func(tasks []Task) { tasks[0].Wait.Via = "semop [1] -1" },
			"10 waits\n  20 waits\n  30 waits\n", true},
		{"a pid was given anew", abba, abba, func(tasks []Task) {
			tasks[0].Proc.Gen++
			tasks[1].Wait.Enders[0].Proc.Gen++
			tasks[2].Wait.Enders[0].Proc.Gen++
		}, "10 waits\n  20 waits\n  30 waits\n", true},
		{"a member could still run before", "10 waits 20\n20 runs\n30 waits 10", abba, nil,
			"10 waits\n  20 waits\n  30 waits\n", true},
		{"it was free before in the same wait", "10 waits 20\n20 waits 10 40\n30 waits 10\n40 runs", abba, nil,
			"10 waits\n  20 waits\n  30 waits\n", true},
		{"who hangs on it came later", "10 waits 20\n20 waits 10", abba, nil,
			"10 deadlock\n  20 deadlock\n  30 waits\n",
			true},
		{"a process was stopped between", "20 waits 10\n10 runs", "20 waits 10\n10 stopped", nil,
			"10 stopped\n  20 waits\n",
			true},
		{"a process is still stopped", "20 waits 10\n10 stopped", "20 waits 10\n10 stopped", nil,
			"10 stopped\n  20 stopped\n", false},
		{"nothing is stuck", "20 waits 10\n10 runs", "20 waits 10\n10 runs", nil, "10 runs\n  20 waits\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := parse(t, test.now)
			if test.change != nil {
				test.change(now)
			}
			s := Solve(now).Confirmed(Solve(parse(t, test.before)))
			if diff := cmp.Diff(test.want, picture(s)); diff != "" {
				t.Error(diff)
			}
			if s.Pending() != test.pending {
				t.Errorf("Pending() = %v", s.Pending())
			}
			if test.pending && !strings.Contains(test.want, "deadlock") && len(s.Findings()) > 0 {
				t.Errorf("findings without a confirmation: %v", s.Findings())
			}
			// A third sample that equals the second confirms it, though the second was not confirmed.
			if third := Solve(now).Confirmed(s); third.Pending() {
				t.Errorf("a third sample like the second leaves it open:\n%s", picture(third))
			}
		})
	}
}

func TestFinding(t *testing.T) {
	tasks := parse(t, "10 waits 20\n20 waits 10?\n30 waits 20")
	tasks[0].Wait.On = schema.Ref{Kind: schema.Lock, Name: "12/flock"}
	tasks[0].Wait.Via = "flock LOCK_EX"
	tasks[0].Wait.Assumes = "that process 1 has it not"
	tasks[1].Wait.Enders = append(tasks[1].Wait.Enders, tasks[2].Wait.Enders[0])
	tasks[1].Wait.Enders[1].Proc = proc(30)
	want := []schema.Finding{{
		Kind: "deadlock", Severity: schema.Critical, Proof: schema.Inferred,
		Refs: []schema.Ref{proc(10), {Kind: schema.Lock, Name: "12/flock"}, proc(20), {Kind: schema.Sem, ID: 5},
			proc(30)},
		Says: "likely deadlock: 10/w waits for lock:12/flock (flock LOCK_EX), which 20/w holds; 20/w waits for sem:5 " +
			"(semop " +
			"[0] -1), which 10/w changed last",
		Evidence: []string{
			"observed: 20/w holds lock:12/flock", "inferred: 10/w changed sem:5 last",
			"observed: 30/w holds sem:5, and waits itself",
			"observed: 20/w holds sem:5, and waits itself", "inferred: assuming that process 1 has it not",
			"in the same knot: 30/w",
		},
		Advice: "end 20/w: the kernel then gives back locks and descriptors, and who waits for those goes on; prefer " +
			"what " +
			"can be done again",
		Alike: `deadlock; critical; inferred; "w" semop lock; "w" semop sem`,
	}}
	if diff := cmp.Diff(want, Solve(tasks).Findings()); diff != "" {
		t.Error(diff)
	}
}

// A deadlock is only possible if a wait of it, or a wait that it hangs on, may be for something else.
func TestChangeableWaits(t *testing.T) {
	const two = "10 waits 20 30\n20 waits 10\n30 waits 40\n40 waits 30"
	const certain, possible = "critical observed deadlock", "warning inferred possible deadlock"
	for changeable, want := range map[int][]string{0: {certain, possible}, 2: {possible, possible}} {
		tasks := parse(t, two)
		tasks[changeable].Wait.Changeable, tasks[changeable].Wait.Assumes = true, "nobody changed it"
		var got []string
		for _, f := range Solve(tasks).Findings() {
			verdict, _, _ := strings.Cut(f.Says, ":")
			got = append(got, fmt.Sprint(f.Severity, " ", f.Proof, " ", verdict))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("wait %d is changeable (-want +got):\n%s", changeable, diff)
		}
	}
}

// A finding's evidence has its assumptions. If a wait has several objects, the evidence names each object with its
// Ender.
func TestFindingsOfAssumptions(t *testing.T) {
	tasks := parse(t, "10 waits 20 30\n20 waits 10\n30 stopped")
	tasks[1].Wait.Assumes = "nobody else has it"
	tasks[0].Wait.Enders[1].On = schema.Ref{Kind: schema.Sem, ID: 6}
	s := Solve(tasks)
	want := []string{"observed: 30/w is stopped", "observed: 30/w holds sem:6", "observed: 10/w holds sem:5",
		"inferred: assuming nobody else has it"}
	findings := s.Findings()
	if len(findings) != 1 {
		t.Fatalf("%d findings", len(findings))
	}
	if d := cmp.Diff(want, findings[0].Evidence); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got, want := s.Says(1), "10/w waits for sem:6 (semop [0] -1), which 30/w holds"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
}

// Findings with the same commands, calls and kinds of objects have one Alike, so that a person can read just one.
func TestFindingsThatAreAlike(t *testing.T) {
	tasks := parse(t, "10 waits 20\n20 waits 10\n30 waits 40\n40 waits 30\n50 waits 60\n60 waits 50\n"+
		"70 waits\n80 waits")
	tasks[4].Comm = "another"
	tasks[7].Wait.On.ID++
	var got []string
	for _, f := range Solve(tasks).Findings() {
		got = append(got, f.Alike)
	}
	sems := `; "w" semop sem`
	want := []string{"deadlock; critical; observed" + sems, "deadlock; critical; observed" + sems,
		`deadlock; critical; observed; "another" semop sem` + sems,
		"stuck; warning; observed" + sems, "stuck; warning; observed" + sems}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// If several processes have the lock's file open, the end of one of them frees nobody.
func TestAdvice(t *testing.T) {
	lock := schema.Ref{Kind: schema.Lock, Name: "12/flock"}
	tasks := parse(t, "10 waits 20 30\n20 waits 10\n30 waits 20")
	tasks[0].Wait.On = lock
	fs := Solve(tasks).Findings()
	if want := "end all of 20/w, 30/w: "; len(fs) != 1 || !strings.HasPrefix(fs[0].Advice, want) {
		t.Errorf("%+v, want advice %q", fs, want)
	}
	tasks[1].Wait.On, tasks[1].Wait.Enders[0].How = proc(10), "is its child"
	fs = Solve(tasks).Findings()
	if want := "end 10/w: "; len(fs) != 1 || !strings.HasPrefix(fs[0].Advice, want) {
		t.Errorf("%+v, want advice %q", fs, want)
	}
	if want := "observed: 10/w is 20/w's child (proc:10)"; !slices.Contains(fs[0].Evidence, want) {
		t.Errorf("%q, want %q", fs[0].Evidence, want)
	}
}

// A thread with a way out does not hang on a deadlock, though it waits for a member.
func TestHanging(t *testing.T) {
	for tasks, severity := range map[string]schema.Severity{
		"10 waits 20\n20 waits 10\n30 waits timed 10\n40 waits open 20\n50 waits 10": schema.Critical,
		"10 waits\n30 waits timed 10\n40 waits open 10\n50 waits 10":                 schema.Critical,
		"10 waits\n30 waits timed 10\n40 waits open 10":                              schema.Warning,
	} {
		fs := Solve(parse(t, tasks)).Findings()
		if len(fs) != 1 || fs[0].Severity != severity {
			t.Fatalf("%q: %+v, want one that is %s", tasks, fs, severity)
		}
		want := []string{"hanging on it: 50/w"}
		if severity == schema.Warning {
			want = nil
		}
		var got []string
		for _, e := range fs[0].Evidence {
			if strings.HasPrefix(e, "hanging") {
				got = append(got, e)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tasks, diff)
		}
	}
}

// 10,000 threads: 9,000 wait for the next thread, and 1,000 wait for the same 500 Enders. Those waits share one list of
// Enders, or each wait has its own copy.
func BenchmarkSolve(b *testing.B) {
	for _, shared := range []bool{true, false} {
		b.Run(fmt.Sprintf("shared=%v", shared), func(b *testing.B) {
			var tasks []Task
			var many []Ender
			for i := range 500 {
				many = append(many, Ender{Proc: proc(i + 1), How: "writes it", Proof: schema.Inferred})
			}
			for i := range 10000 {
				t := Task{Thread: Thread{proc(i + 1), i + 1}, Activity: Waiting, Comm: "w"}
				switch {
				case i < 1000 && shared:
					t.Wait.Enders = many
				case i < 1000:
					t.Wait.Enders = slices.Clone(many)
				default:
					t.Wait.Enders = []Ender{{Proc: proc(1 + (i+1)%10000), How: "holds it", Proof: schema.Observed}}
				}
				tasks = append(tasks, t)
			}
			for b.Loop() {
				s := Solve(tasks)
				s.Confirmed(s).Findings()
			}
		})
	}
}
