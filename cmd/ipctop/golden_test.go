package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// onceOn runs ipctop --once on a machine made of files, and returns its output. Its clock stands still at 2000-01-01
// 00:00:00 UTC.
func onceOn(t *testing.T, m *collecttest.Machine, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out, errs bytes.Buffer
		code = run(context.Background(), append([]string{"--once", "--root", m.Root}, args...), &out, &errs)
		stdout, stderr = out.String(), errs.String()
	})
	return stdout, stderr, code
}

// session gives the text that a person would see: the commands, their outputs, and their exit codes.
func session(t *testing.T, m *collecttest.Machine, commands ...[]string) string {
	t.Helper()
	var b strings.Builder
	for i, args := range commands {
		if i > 0 {
			b.WriteByte('\n')
		}
		stdout, stderr, code := onceOn(t, m, args...)
		fmt.Fprintf(&b, "$ ipctop --once %s\n%s", views.Visible(shellWords(args)), stdout)
		if stderr != "" {
			fmt.Fprintf(&b, "[stderr]\n%s", stderr)
		}
		if code != 0 {
			fmt.Fprintf(&b, "[exit %d]\n", code)
		}
	}
	return b.String()
}

func shellWords(args []string) string {
	words := slices.Clone(args)
	for i, w := range words {
		if strings.ContainsAny(w, ` "`) {
			words[i] = "'" + w + "'"
		}
	}
	return strings.Join(words, " ")
}

// compareGolden compares with a file below testdata. go test -update writes the file.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "once", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; where that is meant, run go test ./cmd/ipctop -update (-want +got):\n%s", path, diff)
	}
}

// hideFileIDs replaces the device and the inode of each FIFO, because a test cannot choose them. It also reduces the
// blanks between columns to two, because the widths depend on these numbers.
func hideFileIDs(t *testing.T, text string, m *collecttest.Machine, fifos ...string) string {
	t.Helper()
	for i, path := range fifos {
		dev, ino := m.FileID(path)
		text = regexp.MustCompile(fmt.Sprintf(`\b%d\b`, ino)).ReplaceAllString(text, fmt.Sprint(80+i))
		text = regexp.MustCompile(`\b`+schema.FormatDev(dev)+`\b`).ReplaceAllString(text, "0:40")
	}
	return regexp.MustCompile(`  +`).ReplaceAllString(text, "  ")
}

func TestOnceOfEachKind(t *testing.T) {
	t.Parallel()
	samples := collecttest.NewSamples(t)
	for _, mech := range collect.Mechanisms() {
		kind := string(mech.Kind)
		t.Run(kind, func(t *testing.T) {
			m := samples.Of(mech.Kind)
			show, all := []string{kind}, []string{kind, "--columns", "all", "--bytes"}
			if ids := chosenColumns(mech); ids != "" {
				show, all = append(show, "--columns", ids), []string{kind, "--columns", "kind," + ids, "--bytes"}
			}
			got := session(t, m, show, append(show, "-o", "json"), append(show, "-o", "jsonl"),
				append(show, "-o", "csv"), all)
			switch mech.Kind {
			case schema.Fifo:
				got = hideFileIDs(t, got, m, "/run/app/control")
			case schema.PSem:
				got = hideFileIDs(t, got, m, "/dev/shm/sem.gate")
			case schema.PShm:
				got = hideFileIDs(t, got, m, "/dev/shm/cache")
			case schema.PMsg:
				got = hideFileIDs(t, got, m, "/dev/mqueue/jobs")
			}
			if mech.Kind == schema.Lock {
				got = hideFileIDs(t, got, m, collecttest.Locked)
			}
			compareGolden(t, kind+".txt", got)
		})
	}
}

// chosenColumns names the columns of a kind with foreseeable cells. It drops the owner and the age of a file of the
// tree. For other kinds it is "".
func chosenColumns(m *kinds.Mechanism) string {
	switch m.Kind {
	case schema.PMsg, schema.PSem, schema.PShm:
	default:
		return ""
	}
	ids := []string{"ref"}
	for _, c := range m.Columns {
		if !slices.Contains([]string{"owner", "uid", "user", "gid", "group", "atime", "mtime", "ctime", "age",
			"allocated"},
			c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return strings.Join(ids, ",")
}

func TestOnceOptions(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	compareGolden(t, "options.txt", session(t, m,
		[]string{"msg", "sem"},
		[]string{"msg", "shm", "-o", "csv"},
		[]string{"msg", "shm", "--no-headings"},
		[]string{"shm", "--columns", "ref,size,nattch", "--sort", "-size"},
		[]string{"shm", "--columns", "+swap,-age,-holders,-creator_state", "--no-headings"},
		[]string{"shm", "--columns", "ref,size,age,ctime", "--bytes"},
		[]string{"shm", "--columns", "ref,size,age,ctime"},
		[]string{"shm", "-o", "csv", "--no-headings", "--columns", "ref,key,status"},
		[]string{"shm", "-o", "jsonl", "--columns", "ref,attach,status,age"},
		[]string{"shm", "--where", `nattch == 0 and age > duration("1h")`, "--columns", "ref,age"},
		[]string{"msg", "sem", "--where", "msgs > 100", "-o", "json"},
		[]string{"msg", "--where", "qbytes > 1", "--columns", "ref"},
		[]string{"msg", "-A"},
		[]string{"proc", "--columns", "ref,user,comm", "--sort", "user,-pid", "--where", "not kthread"},
		[]string{"proc", "--where", `any(["yes", "head"], # == comm)`, "--columns", "ref,args"},
		[]string{"pipe", "--where", `any(writers, .comm == "yes")`, "--columns", "ref,readers"},
		[]string{"pipe", "--where", `status == "no-readers"`, "--exit-code"},
		[]string{"pipe", "--where", `status == "no-writers"`, "--exit-code"},
	))
}

func TestOnceMistakes(t *testing.T) {
	t.Parallel()
	compareGolden(t, "mistakes.txt", session(t, collecttest.New(t),
		[]string{"shn"},
		[]string{"process"},
		[]string{"zzzzzzzzzzz"},
		[]string{"shm", "--columns", "ref,sise"},
		[]string{"shm", "--columns", "msgs"},
		[]string{"shm", "--sort", "-natch"},
		[]string{"shm", "--where", "natch == 0"},
		[]string{"shm", "--where", "nattch =="},
		[]string{"shm", "--where", "size"},
		[]string{"shm", "--where", `size > "x"`},
		[]string{"shm", "--where", "owner == \"\x1b[31m"},
		[]string{"shm", "-o", "jsn"},
		[]string{"shm", "--no-heading"},
		[]string{"\x1b[31m"},
	))
}
