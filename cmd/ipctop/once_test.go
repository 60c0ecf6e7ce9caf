package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// dangerous finds characters that a terminal might interpret: control bytes except the newline, C1 controls, invalid
// UTF-8, and marks that reorder or hide text.
func dangerous(text string) []string {
	var found []string
	for i, line := range strings.Split(text, "\n") {
		for _, r := range line {
			if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
				unicode.Is(unicode.Cf, r) ||
				unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				found = append(found, fmt.Sprintf("line %d: %s", i+1, line))
				break
			}
		}
	}
	return found
}

func TestDangerousTextIsFound(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"\x1b[31m", "a\tb", "\x9b", "\u009b", "\u202e", "\u200b", "\u2028", "\xff"} {
		if dangerous(s) == nil {
			t.Errorf("%q passes", s)
		}
	}
	if found := dangerous("a line\nand e\u0301 \u4e2d 😀\n"); found != nil {
		t.Errorf("plain text is refused: %q", found)
	}
}

// In every format, a name from the kernel reaches a terminal or a parser only in escaped form.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	m := collecttest.HostileMachine(t)
	for _, output := range once.Outputs() {
		for _, columns := range []string{"", "all"} {
			args := []string{"-o", output}
			if columns != "" {
				args = append(args, "--columns", columns)
			}
			stdout, stderr, code := onceOn(t, m, args...)
			if output == "json" || output == "jsonl" {
				// U+FFFD replaces them: JSON cannot hold invalid UTF-8.
				stdout = strings.ReplaceAll(stdout, `\ufffd`, "")
			}
			if found := dangerous(stdout + stderr); found != nil || code != 0 {
				t.Errorf("%v: exit %d, %q", args, code, found)
			}
		}
	}
}

func TestHostileNamesInJSON(t *testing.T) {
	t.Parallel()
	m := collecttest.HostileMachine(t)
	stdout, _, _ := onceOn(t, m, "proc", "fifo", "-o", "json")
	var doc struct {
		Objects map[string][]struct {
			Comm, Path string
			Readers    []struct{ Comm string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	var got, want, gotPaths, wantPaths []string
	for _, p := range doc.Objects["proc"] {
		got = append(got, p.Comm)
	}
	for _, f := range doc.Objects["fifo"] {
		gotPaths = append(gotPaths, f.Path)
	}
	for _, name := range collecttest.Hostile() {
		// Valid UTF-8 stays unchanged. Every other byte becomes U+FFFD.
		want = append(want, eachByte(name[:min(len(name), 15)]))
		wantPaths = append(wantPaths, eachByte("/run/fifo "+name))
	}
	slices.Sort(gotPaths)
	slices.Sort(wantPaths)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("comm (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantPaths, gotPaths); diff != "" {
		t.Errorf("path of FIFOs (-want +got):\n%s", diff)
	}
}

func eachByte(s string) string {
	var b strings.Builder
	for _, r := range s { // an invalid byte is one U+FFFD
		b.WriteRune(r)
	}
	return b.String()
}

// If the last column holds no blank, awk finds as many fields in each line of a table as there are columns.
func TestTablesAreForAwk(t *testing.T) {
	t.Parallel()
	m := collecttest.HostileMachine(t)
	for _, columns := range []string{"ref,comm,args,pid", "ref,tty,comm,pid"} {
		stdout, _, _ := onceOn(t, m, "proc", "--columns", columns)
		lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
		if len(lines) != 1+len(collecttest.Hostile()) {
			t.Errorf("%d lines:\n%s", len(lines), stdout)
		}
		for _, line := range lines {
			if n := len(strings.Fields(line)); n != 4 {
				t.Errorf("%d fields: %s", n, line)
			}
		}
	}
}

func TestCSVIsParsed(t *testing.T) {
	t.Parallel()
	m := collecttest.HostileMachine(t)
	stdout, _, _ := onceOn(t, m, "proc", "unix", "-o", "csv", "--columns", "ref,comm,args,path")
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 3*len(collecttest.Hostile()); len(rows) != want {
		t.Errorf("%d rows, want %d:\n%s", len(rows), want, stdout)
	}
}

// If the reader has gone (| head), ipctop does not fail and prints no message.
func TestReaderGoesAway(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := program(t, "--once", "--root", collecttest.Sample(t).Root)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() && status.Signal() == syscall.SIGPIPE {
			err = nil
		}
	}
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%v, stderr %q; want a silent end", err, stderr.String())
	}
}

func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	root := collecttest.Sample(t).Root
	for _, args := range [][]string{{"--once", "shm"}, {"--once", "shm", "-o", "json"}, {"--once", "-o", "jsonl"},
		{"--once", "-o", "csv"}, {"--once", "shm", "--exit-code"},
		{"--list-columns"}, {"--help"}, {"--version"}} {
		cmd := program(t, append(args, "--root", root)...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
			t.Errorf("%v: %v, want exit code 1", args, err)
		}
		if got := stderr.String(); !strings.HasPrefix(got, "ipctop: ") || strings.Count(got, "\n") != 1 ||
			!strings.Contains(got, syscall.ENOSPC.Error()) {
			t.Errorf("%v: stderr %q, want one line that says why", args, got)
		}
	}
}

func TestFlagsOfTheDashboardGoNotWithOnce(t *testing.T) {
	t.Parallel()
	for args, flag := range map[string]string{"--once --interval 0": "interval", "--once shm --interval 1s": "interval",
		"--list-columns --no-mouse": "no-mouse"} {
		want := commandOutput{exitUsage, "", "ipctop: --" + flag + " goes with the dashboard, not with --once\n"}
		if got := ipctop(strings.Fields(args)...); got != want {
			t.Errorf("%s: %+v, want %+v", args, got, want)
		}
	}
	if got := ipctop("--once", "--read-only", "--root", collecttest.Sample(t).Root, "shm"); got.Code != 0 {
		t.Errorf("--once --read-only: %+v", got)
	}
}

func TestListColumns(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--list-columns"}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit %d, %s", code, stderr.String())
	}
	var got, want [][]string
	for _, line := range strings.Split(strings.TrimSpace(stdout.String()), "\n")[1:] {
		got = append(got, strings.Fields(line)[:3])
		if help := strings.Fields(line)[4:]; len(help) == 0 || help[0] == "-" {
			t.Errorf("no help: %s", line)
		}
	}
	for _, m := range collect.Mechanisms() {
		for _, c := range views.ColumnsOf(m) {
			want = append(want, []string{string(m.Kind), c.ID, c.Type.String()})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The document has all requested kinds, even if a kind has no objects.
func TestEmptyMachineInJSON(t *testing.T) {
	t.Parallel()
	stdout, _, code := onceOn(t, collecttest.New(t), "-o", "json")
	var doc struct {
		Version int `json:"schema_version"`
		Objects map[schema.Kind][]any
		Faults  []any
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s", code, err, stdout)
	}
	want := map[schema.Kind][]any{}
	for _, m := range collect.Mechanisms() {
		want[m.Kind] = []any{}
	}
	delete(want, schema.Limit) // every machine has limits
	if len(doc.Objects[schema.Limit]) == 0 {
		t.Error("no limits")
	}
	delete(doc.Objects, schema.Limit)
	if diff := cmp.Diff(want, doc.Objects); diff != "" || doc.Version != 1 || len(doc.Faults) > 0 {
		t.Errorf("version %d, faults %v, objects (-want +got):\n%s", doc.Version, doc.Faults, diff)
	}
}

// A message can quote any text, but no control byte reaches the terminal.
func TestComplaintsAreHarmless(t *testing.T) {
	t.Parallel()
	const evil = "\x1b]0;x\a\u202e\xff"
	for _, args := range [][]string{
		{evil}, {"--" + evil}, {"--once", evil}, {"--once", "--root", "/" + evil}, {"--once", "-o", evil},
		{"--once", "--where", evil}, {"--once", "--sort", evil},
		{"--once", "--columns", evil}, {"--interval", evil}, {"rm", evil}, {"rm", "shm:" + evil}, {"rm", evil + ":1"},
		{"rm", "--where", `owner == "` + evil + `" or ` + evil},
		{"rm", "--" + evil}, {"signal", evil}, {"signal", "TERM", evil}, {"signal", "TERM", "--to", evil, "proc:1"},
		{"demo", evil}, {"demo", "--" + evil},
	} {
		got := ipctop(args...)
		if got.Code == 0 || got.Stderr == "" || strings.ContainsAny(got.Stdout+got.Stderr, "\x1b\a\u202e") ||
			!utf8.ValidString(got.Stderr) {
			t.Errorf("%q: %+v", args, got)
		}
	}
}
