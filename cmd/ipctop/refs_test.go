package main

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// twins are names of which some look alike on a terminal.
func twins() []string {
	return []string{"caf\xe8", "caf\xe9", "café",
		"esc\x1b[1m", `esc\x1b[1m`, `esc\x5cx1b[1m`, "a b", `a\x20b`, `a\b`,
		`C:\\temp`, "new\nline", "rtl\u202e", `rtl\u202e`, "c1\u0085", "at@0:42", "at@4026532178", `at\x400:42`,
		"it's", "$(id)", "*", "-x", "=1+1", "'", `"`, "%00", "\u2028", "\xff\xfe", "\\"}
}

// Each output prints a reference alike, and rm takes each: it removes this object and no other.
func TestRemoveByPrintedReference(t *testing.T) {
	onScene(t, func(s *scene) {
		names := twins()
		for _, name := range names {
			if err := os.WriteFile("/dev/shm/"+name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		refs := refsByName(t)
		if len(refs) != len(names) {
			t.Fatalf("%d references for %d names: %q", len(refs), len(names), refs)
		}
		texts := [][]string{
			fields(outputOf(t, 0, "--once", "pshm", "--columns", "ref", "--no-headings")),
			csvColumn(t, outputOf(t, 0, "--once", "pshm", "--columns", "ref", "--no-headings", "-o", "csv")),
			jsonLines(t, outputOf(t, 0, "--once", "pshm", "-o", "jsonl")),
		}
		for i, got := range texts {
			slices.Sort(got)
			if diff := cmp.Diff(slices.Sorted(maps.Values(refs)), got); diff != "" {
				t.Errorf("output %d:\n%s", i, diff)
			}
		}
		for len(names) > 0 {
			name := names[0]
			names = names[1:]
			out := ipctop("rm", "--yes", refs[name])
			if out.Code != 0 || !strings.Contains(out.Stderr, "\n"+refs[name]+": ") {
				t.Errorf("rm %s: %+v", refs[name], out)
			}
			want := slices.Sorted(slices.Values(names))
			if diff := cmp.Diff(want, filesOf(t, "/dev/shm")); diff != "" {
				t.Fatalf("after rm %s of %q:\n%s", refs[name], name, diff)
			}
		}
		journal, err := os.ReadFile(os.Getenv("XDG_STATE_HOME") + "/ipctop/journal.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		written := slices.Compact(jsonLines(t, string(journal))) // a line before and a line after each deed
		slices.Sort(written)
		if diff := cmp.Diff(slices.Sorted(maps.Values(refs)), written); diff != "" {
			t.Errorf("journal:\n%s", diff)
		}
	})
}

// A name that is typed as it is leads to its object, unless the text is the reference of another name.
func TestRemoveByTypedName(t *testing.T) {
	onScene(t, func(s *scene) {
		for _, name := range []string{"caf\xe9", "a b", `a\b`, `dev\x2ddisk`, "my jobs@0:42"} {
			path := "/dev/shm/" + name
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if out := ipctop("rm", "--yes", "pshm:/"+name); out.Code != 0 {
				t.Errorf("rm %q: %+v", name, out)
			}
			if _, err := os.Lstat(path); err == nil {
				t.Errorf("%q is still there", name)
			}
		}
		for name, ref := range map[string]string{`esc\x1b`: `pshm:/esc\x5cx1b`, "at@0:42": `pshm:/at\x400:42`} {
			if err := os.WriteFile("/dev/shm/"+name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			out := ipctop("rm", "--yes", "pshm:/"+name)
			want := "ipctop: pshm:/" + name + ": there is no such object, but one whose name has these characters: " +
				"say " + ref + "\n"
			if out.Code != exitFailed || out.Stderr != want {
				t.Errorf("rm %q: %+v, want %s", name, out, want)
			}
		}
		for _, name := range []string{`dev\x2ddisk`, "dev-disk"} {
			if err := os.WriteFile("/dev/shm/"+name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out := ipctop("rm", "--yes", `pshm:/dev\x2ddisk`)
		const want = `name one of them: pshm:/dev-disk, pshm:/dev\x5cx2ddisk`
		if out.Code != exitFailed || !strings.Contains(out.Stderr, want) {
			t.Errorf("two objects: %+v", out)
		}
	})
}

// refsByName maps the names in /dev/shm to the references that JSON prints, by the inode numbers.
func refsByName(t *testing.T) map[string]string {
	t.Helper()
	refs := map[string]string{}
	for _, line := range fields(outputOf(t, 0, "--once", "pshm", "-o", "jsonl", "--columns", "ref,inode")) {
		var row struct {
			Ref   string
			Inode uint64
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		for _, name := range filesOf(t, "/dev/shm") {
			if inodeOf(t, "/dev/shm/"+name) == row.Inode {
				refs[name] = row.Ref
			}
		}
	}
	return refs
}

// filesOf lists the names in a directory, in order.
func filesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func fields(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

func csvColumn(t *testing.T, text string) (cells []string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		cells = append(cells, row[0])
	}
	return cells
}

func jsonLines(t *testing.T, text string) (refs []string) {
	t.Helper()
	for _, line := range fields(text) {
		var row struct{ Ref string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, row.Ref)
	}
	return refs
}
