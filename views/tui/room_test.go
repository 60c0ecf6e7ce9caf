package tui

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPageShowsAllAndLeadsOn(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Shm, 100, 80)
	r.press("Down", "Up", "Enter")
	r.see("shm:32769", "creator_state", "alive", "4.0M (4194304 bytes)", "mapped by     proc:200",
		"mapped by     proc:201", "created by    proc:200")
	r.press("Right")
	r.press("Enter")
	r.see("proc:200", "appd --control", "reads", "writes", "maps")
	r.press("Esc")
	r.see("shm:32769", "created by")
	r.press("Backspace")
	r.see("["+r.tabName(schema.Shm)+"]", "NATTCH")
	same(t, "back on", "shm:32769", r.cursor())
}

func TestPageExplainsTheFieldUnderTheCursor(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Proc, 100, 30)
	r.press("Enter")
	r.see("pid: process id")
	r.press("Down")
	r.see("ppid: pid of the parent")
}

func TestPageOfWhatIsGone(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	r := openRig(t, m.Root, 100, 30, nil)
	r.toTab(schema.Shm)
	r.press("Enter", "Right")
	r.see("mapped by     proc:200")
	r.press("Left")
	heading, _, _ := strings.Cut(read(t, m.Root+"/proc/sysvipc/shm"), "\n")
	m.Write("/proc/sysvipc/shm", heading+"\n")
	r.press("Ctrl-R")
	r.see("GONE", "4194304 bytes")
	r.press("Esc")
	r.see("there are none")
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Shm, 100, 60)
	r.press("y")
	r.see(`"ref": "shm:32769"`, `"size": 4194304`)
	r.press("Esc")
	r.seeNot(`"ref"`)
}

// Nothing behind a dialog may move: the person looks at it before the answer.
func TestNothingMovesBehindADialog(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	r := openRig(t, m.Root, 100, 40, nil)
	r.toTab(schema.Proc)
	r.press("u")
	r.see("everybody")
	m.Process(collecttest.Process{PID: 7, PPID: 1, Comm: "newcomer"})
	r.source.Now()
	r.waitUntil("a snapshot that is held back", func(s state) bool { return s.held })
	if strings.Contains(r.now(), "newcomer") {
		t.Error("the table moved behind the dialog")
	}
	r.press("Esc")
	r.see("newcomer")
}

// Every binding is in the help. A keyboard has every key that a binding names.
func TestHelpIsMadeFromTheBindings(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Proc, 120, 70)
	r.press("?")
	r.see("Keys")
	var keys keymap
	r.inside(func(a *app) { keys = a.rooms[0].keymap() })
	for _, b := range keys {
		if b.help == "" {
			t.Errorf("%s has no help", b.keys)
		}
		if !b.danger {
			r.see(keysText(b.keys) + " ")
			r.see(b.help)
		}
		for _, key := range strings.Fields(b.keys) {
			if !strings.Contains(key, "..") {
				inject(t, key)
			}
		}
	}
	r.press("Esc")
	r.seeNot("Keys ─")
}

// A long help text continues on the next lines, on every screen.
func TestHelpIsWrapped(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 80, 200} {
		r := openRig(t, collecttest.Sample(t).Root, width, 24, func(o *Options) { o.Planner = planner(t) })
		for i := range r.app.tabs {
			r.press(r.app.tabKey(i))
			var keys keymap
			r.inside(func(a *app) { keys = a.rooms[0].keymap() })
			r.press("?")
			r.see("Keys")
			seen, last := "", ""
			for screen := dialog(r.now()); screen != last; screen = dialog(r.now()) {
				seen, last = seen+screen+" ", screen
				r.press("PgDn")
			}
			for _, b := range keys {
				for word := range strings.FieldsSeq(b.help) {
					if len(word) < width/2 && !strings.Contains(seen, word) {
						t.Errorf("%d columns, tab %s: %q is missing in the help of %s", width,
							r.app.tabs[i].view.Title(), word, b.keys)
					}
				}
			}
			if strings.Contains(strings.ReplaceAll(seen, "1…9", ""), "…") {
				t.Errorf("%d columns, tab %s: something is cut:\n%s", width, r.app.tabs[i].view.Title(), seen)
			}
			r.press("Esc")
			r.seeNot("Keys ─")
		}
	}
}

// dialog returns the text inside a dialog's box.
func dialog(screen string) string {
	var b strings.Builder
	from, to := -1, -1
	for line := range strings.Lines(screen) {
		cells := []rune(line)
		if from < 0 {
			from, to = slices.Index(cells, '┌'), slices.Index(cells, '┐')
			continue
		}
		if cells[from] == '└' {
			break
		}
		b.WriteString(string(cells[from+1:to]) + "\n")
	}
	return b.String()
}

func TestFaultsAreListed(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	if err := os.Remove(m.Root + "/proc/sysvipc/shm"); err != nil {
		t.Fatal(err)
	}
	r := openRig(t, m.Root, 100, 30, nil)
	r.toTab(schema.Shm)
	r.see("! ")
	r.press("!")
	r.see("Not seen in the last refresh")
	r.waitFor("the file that is missing",
		func(screen string) bool { return strings.Contains(unwrapped(screen), "sysvipc/shm") })
}

// unwrapped returns the text of a dialog without line ends, because a long path may break anywhere.
func unwrapped(screen string) string {
	var b strings.Builder
	for line := range strings.Lines(screen) {
		if parts := strings.Split(line, "│"); len(parts) == 3 {
			b.WriteString(strings.TrimSpace(parts[1]))
		}
	}
	return b.String()
}

// No byte of a name reaches the screen raw, and no name is read as markup.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.HostileMachine(t).Root, 200, 60, nil)
	check := func(where string) {
		t.Helper()
		for _, c := range strings.ReplaceAll(r.now(), "\n", "") {
			if c < 0x20 || c >= 0x7f && c < 0xa0 || strings.ContainsRune("\u202e\u200b\ufeff\u2028\u00a0", c) {
				t.Fatalf("%U on the screen of %s:\n%s", c, where, r.now())
			}
		}
	}
	for _, kind := range []schema.Kind{schema.Proc, schema.Fifo, schema.Unix} {
		r.toTab(kind)
		r.waitUntil("rows", func(s state) bool { return s.rows > 0 })
		check(string(kind))
		rows := len(r.rows())
		for i := range rows {
			r.press("Enter")
			check("a page")
			r.press("y")
			check("JSON")
			r.press("Esc", "Esc")
			if i < rows-1 {
				r.press("Down")
			}
		}
	}
	r.toTab(schema.Proc)
	r.see(`[red]tag[-]`, `\x1b[31mred`, `\u202egnp.exe`, `\xff`)
}

func TestReadOnlyHasNoDangerousKeys(t *testing.T) {
	t.Parallel()
	for _, readOnly := range []bool{false, true} {
		r := openRig(t, collecttest.Sample(t).Root, 120, 70,
			func(o *Options) { o.ReadOnly, o.Planner = readOnly, planner(t) })
		r.toTab(schema.Proc)
		r.press("?")
		r.see("Keys", "open the object's page")
		same(t, "signal in the help", !readOnly, strings.Contains(r.now(), "signal the process"))
		r.press("Esc", "F9")
		same(t, "signal menu", !readOnly, strings.Contains(r.now(), "Signal to send"))
		same(t, "said in the header", readOnly, strings.Contains(r.now(), "read-only"))
	}
}
