package tui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestFamiliesAreTabs(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.Sample(t).Root, 120, 30, nil)
	now := func(k schema.Kind) string { return "[" + r.tabName(k) + "]" }
	r.see(now(schema.Msg), "msg:0", "msg:32769")
	r.press(r.tabName(schema.Shm)[:1])
	r.see(now(schema.Shm), "shm:32771", "dest")
	r.press("Tab")
	r.see(now(schema.Pipe), "fifo:", "pipe:7001", "101/yes")
	r.press("Shift-Tab", "Shift-Tab")
	r.see(now(schema.Sem), "sem:3")
	r.clickOn(r.tabName(schema.Inet))
	r.see(now(schema.Inet), "unix:9001", "inet:9010")
	r.press("Tab", "Shift-Tab")
	r.see(now(schema.Inet))
}

func TestOnlyWhatIsOnScreenIsDemanded(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.Sample(t).Root, 100, 30, nil)
	kinds := func() map[schema.Kind]bool {
		m := map[schema.Kind]bool{}
		for k := range r.source.last().Want {
			m[k] = true
		}
		return m
	}
	family := func(k schema.Kind) map[schema.Kind]bool {
		all := map[schema.Kind]bool{}
		for _, m := range r.app.tabs[r.app.tabOf(k)].view.Mechanisms {
			all[m.Kind] = true
		}
		return all
	}
	same(t, "queues", family(schema.Msg), kinds())
	r.press(r.tabName(schema.Pipe)[:1])
	same(t, "pipes", family(schema.Pipe), kinds())
	r.press(r.tabName(schema.Shm)[:1])
	r.see("shm:32769")
	if r.source.last().Edges || !r.source.last().Detail.IsZero() {
		t.Errorf("a table demands edges or details: %+v", r.source.last())
	}
	r.press("Enter", "Right")
	r.see("Hangs together with")
	want := map[schema.Kind]bool{schema.Shm: true, schema.Proc: true}
	same(t, "a segment's page", want, kinds())
	if req := r.source.last(); !req.Edges || req.Detail.Kind != schema.Shm {
		t.Errorf("a page demands %+v", req)
	}
	before := r.source.count()
	r.press("Down", "Up", "Left")
	same(t, "demands of moving the cursor", before, r.source.count())
}

func TestSort(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Shm, 120, 30)
	r.press("S") // SIZE: the largest first
	r.see("SIZE▼")
	same(t, "by size", []string{">shm:32771", "shm:32769", "shm:32770"}, r.rows())
	r.press("I")
	r.see("SIZE▲")
	same(t, "by size, turned round", []string{">shm:32770", "shm:32769", "shm:32771"}, r.rows())
	r.press(">")
	r.see("NATTCH▼")
	r.press("<", "<")
	r.see("PERMS▲")
	r.clickOn("NATTCH")
	r.see("NATTCH▼")
	same(t, "by nattch", []string{">shm:32769", "shm:32770", "shm:32771"}, r.rows())
	r.press("Q")
	r.see("no heading starts with Q")
}

func TestFilterByText(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Proc, 100, 30)
	r.press("/")
	r.write("app")
	r.see("2 of 7 shown")
	same(t, "while typing", []string{">proc:200", "proc:201"}, r.rows())
	r.press("Esc")
	r.see("7 shown")
	r.press("/")
	r.write("/^(yes|head)$/")
	r.press("Enter")
	same(t, "by regular expression", []string{">proc:101", "proc:102"}, r.rows())
	r.see("//^(yes|head)$/")
	r.press("/", "Backspace", "Backspace")
	r.write("(")
	r.see("not a regular expression: missing closing )")
	r.press("Enter")
	r.see("not a regular expression: missing closing )") // a wrong expression is not accepted
	r.press("Esc", "Esc")
	r.see("7 shown")
}

func TestFilterByExpression(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Shm, 100, 30)
	r.press("\\")
	r.see("columns: ref key owner")
	r.write("natch == 0")
	r.press("Enter")
	r.see(`unknown column "natch"`, "nattch")
	r.press("Esc")
	same(t, "after a wrong expression", 3, len(r.rows()))
	r.press("F4")
	r.write("nattch == 0")
	r.press("Enter")
	r.see("where nattch == 0", "1 of 3 shown")
	same(t, "filtered", []string{">shm:32771"}, r.rows())
	r.press("Esc")
	r.see("3 shown")
}

func TestMarks(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Shm, 100, 30)
	r.press("Space", "Space")
	r.see("* shm:32769", "* shm:32770", "2 marked")
	same(t, "marked", []string{"*shm:32769", "*shm:32770", ">shm:32771"}, r.rows())
	r.press("Up", "Space")
	same(t, "one taken back", []string{"*shm:32769", "shm:32770", ">shm:32771"}, r.rows())
	r.press("/")
	r.write("32771")
	r.press("Enter")
	r.see("1 of 3 shown, 1 marked")
	var targets []schema.Ref
	r.inside(func(a *app) { targets = a.tab().targets() })
	same(t, "a hidden mark counts", "shm:32769", refsText(targets))
	r.press("Esc", "U")
	same(t, "none marked", []string{"shm:32769", "shm:32770", ">shm:32771"}, r.rows())
}

// A key marks a whole process group or session, even members outside the screen.
func TestMarkingGroups(t *testing.T) {
	t.Parallel()
	m := collecttest.New(t)
	for _, p := range []collecttest.Process{
		{PID: 1, Comm: "init", PGID: 1, SID: 1}, {PID: 10, PPID: 1, Comm: "shell", PGID: 10, SID: 10},
		{PID: 11, PPID: 10, Comm: "job", PGID: 11, SID: 10}, {PID: 12, PPID: 11, Comm: "job-helper", PGID: 11, SID: 10},
	} {
		m.Process(p)
	}
	r := openRig(t, m.Root, 100, 30, nil)
	r.toTab(schema.Proc)
	r.see("job-helper")
	marked := func() (refs string) {
		r.inside(func(a *app) { refs = refsText(a.tab().targets()) })
		return refs
	}
	r.press("Down", "Down", "*") // the branch of the job is folded
	r.seeNot("job-helper")
	r.press("g")
	same(t, "the group", "proc:11 proc:12", marked())
	r.press("U", "G")
	same(t, "the session", "proc:10 proc:11 proc:12", marked())
	r.press("U", "m")
	same(t, "what is shown", "proc:1 proc:10 proc:11", marked())
}

// A mark belongs to the object, not to its number: a new object under the same id is not marked.
func TestMarksEndWithTheirObject(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	r := openRig(t, m.Root, 100, 30, nil)
	r.toTab(schema.Shm)
	r.press("Space")
	r.see("* shm:32769")
	shm := m.Root + "/proc/sysvipc/shm"
	text := read(t, shm)
	m.Write("/proc/sysvipc/shm", strings.ReplaceAll(text, "946670000", "946680000"))
	r.press("Ctrl-R")
	r.seeNot("* shm:32769", "marked")
	r.see("shm:32769")
}

func TestCursorStaysOnItsObject(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	r := openRig(t, m.Root, 100, 30, nil)
	r.toTab(schema.Proc)
	r.press("t", "P") // flat, by pid
	r.press("Down", "Down")
	same(t, "cursor", "proc:101", r.cursor())
	m.Process(collecttest.Process{PID: 7, PPID: 1, Comm: "newcomer", Args: []string{"newcomer"}})
	r.press("Ctrl-R")
	r.see("newcomer")
	same(t, "cursor after a process came before it", "proc:101", r.cursor())
	r.press("I")
	same(t, "cursor after sorting", "proc:101", r.cursor())
	r.press("/")
	r.write("newcomer")
	r.press("Enter")
	same(t, "cursor while its object is filtered away", "proc:7", r.cursor())
}

// The cursor stays on the first row until it is moved: at the top of the list, a person watches the top.
func TestCursorStaysOnTop(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	r := openRig(t, m.Root, 100, 30, nil)
	r.toTab(schema.Proc)
	r.press("t", "P", "I")
	same(t, "cursor", "proc:201", r.cursor())
	m.Process(collecttest.Process{PID: 900, PPID: 1, Comm: "newcomer"})
	r.press("Ctrl-R")
	r.see("newcomer")
	same(t, "cursor", "proc:900", r.cursor())
}

func TestTree(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Proc, 120, 30)
	r.see("├─ bash", "│ ├─ yes", "└─ appd", "  └─ appd")
	r.press("Down")
	same(t, "cursor", "proc:100", r.cursor())
	r.press("*")
	r.see("├─+ bash")
	r.seeNot("yes")
	same(t, "folded", []string{"proc:1", ">proc:100", "proc:200", "proc:201"}, r.rows())
	r.press("*")
	r.see("│ ├─ yes")
	r.press("t")
	r.seeNot("├─")
	r.press("t", "/")
	r.write("yes")
	r.press("Enter")
	r.seeNot("├─", "└─ yes")
	same(t, "a filtered tree", []string{">proc:101"}, r.rows())
}

func TestKernelThreadsAreHiddenUntilAskedFor(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Proc, 120, 30)
	r.see("7 shown")
	r.seeNot("kworker")
	r.press("K")
	r.see("9 shown", "kworker/0:0-even")
	r.press("K")
	r.seeNot("kworker")
}

func TestUserMenu(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Proc, 120, 30)
	r.press("u")
	r.see("Show processes of", "everybody", "1000")
	r.write("33")
	r.press("Enter")
	r.see("user 33")
	same(t, "one user's", []string{">proc:200", "proc:201"}, r.rows())
	r.press("Esc")
	r.see("7 shown")
}

func TestHoldersAreOneKeyAway(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Shm, 120, 30)
	r.press("Down")
	same(t, "cursor", "shm:32770", r.cursor())
	r.press("Up", "o")
	r.see(" Processes]", "processes at shm:32769", "appd")
	same(t, "holders", []string{">proc:200", "proc:201"}, r.rows())
	r.press("Backspace")
	r.see("[" + r.tabName(schema.Shm) + "]")
	same(t, "back on", "shm:32769", r.cursor())
	r.toTab(schema.Proc)
	r.see("7 shown")
}

func TestColumnsScrollSideways(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Shm, 50, 12)
	r.see("REF", "CREATOR", "HOLDERS", ">")
	r.seeNot("NATTCH")
	r.press("Right", "Right", "Right", "Right", "Right")
	r.see("REF", "NATTCH", "<")
	r.press("Left", "Left", "Left", "Left", "Left")
	r.see("HOLDERS")
	r.press("Ctrl-W")
	r.see("HOLDERS")
}

func TestIntervalAndPause(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.Sample(t).Root, 100, 30, nil)
	r.see("every 2s")
	r.press("+")
	r.see("every 3s")
	r.press("-", "-", "-")
	r.see("every 0.5s")
	r.press("Z")
	r.see("PAUSED")
	r.press("Z")
	r.seeNot("PAUSED")
}

func TestMouseOnRows(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Shm, 100, 30)
	r.clickOn("shm:32770")
	r.waitUntil("the cursor", func(s state) bool { return s.index == 1 })
	r.clickOn("Filter")
	r.see("text, or /regular expression/")
}
