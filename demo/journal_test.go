package demo

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/own"
)

const demoLine = `{"event":"demo","time":1795266161,"pid":14,"start":193992,"boot":"8fe8e7d1","pid_ns":4026532179,` +
	`"ipc_ns":4026532178}` + "\n"

func TestReadJournal(t *testing.T) {
	first := entry{Event: "demo", Time: 1795266161, PID: 14, Start: 193992, Boot: "8fe8e7d1", PIDNS: 4026532179,
		IPCNS: 4026532178}
	for _, c := range []struct {
		name, text string
		want       []entry
	}{
		{"nothing made", demoLine, nil},
		{
			"announced, then made: the announcement's time counts",
			demoLine + `{"event":"will","n":"24.1","kind":"msg","time":5,"pid":24,"key":9}` + "\n" +
				`{"event":"made","kind":"proc","time":6,"pid":30,"start":7}` + "\n" +
				`{"event":"made","n":"24.1","kind":"msg","time":8,"pid":24,"key":9,"id":3,"ctime":8}` + "\n",
			[]entry{
				{Event: "made", N: "24.1", Kind: "msg", Time: 5, PID: 24, Key: 9, ID: 3, CTime: 8},
				{Event: "made", Kind: "proc", Time: 6, PID: 30, Start: 7},
			},
		},
		{
			"announced only", demoLine + `{"event":"will","n":"24.1","kind":"shm","time":5,"pid":24}` + "\n",
			[]entry{{Event: "will", N: "24.1", Kind: "shm", Time: 5, PID: 24}},
		},
		{
			"taken back", demoLine + `{"event":"will","n":"24.1","kind":"shm","time":5}` + "\n" +
				`{"event":"void","n":"24.1","time":5}` + "\n",
			nil,
		},
		{
			"cut short", demoLine + `{"event":"made","kind":"proc","time":6,"pid":30,"start":7}` + "\n" +
				`{"event":"wi`,
			[]entry{{Event: "made", Kind: "proc", Time: 6, PID: 30, Start: 7}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			gotFirst, got, err := readJournal(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first, gotFirst); diff != "" {
				t.Errorf("first line (-want +got):\n%s", diff)
			}
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("things (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadJournalRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":              "",
		"no first line":      `{"event":"made","kind":"proc","pid":30}` + "\n",
		"nonsense in it":     demoLine + "nonsense\n" + demoLine,
		"nonsense at first":  "nonsense",
		"a line of 1 MiB":    demoLine + `{"path":"` + strings.Repeat("x", 1<<20) + `"}` + "\n",
		"another JSON value": "[1,2]\n",
	} {
		if _, things, err := readJournal(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error, things %v", name, things)
		}
	}
}

// Reading must not panic. The things of a journal must be the same after writing and reading.
func FuzzReadJournal(f *testing.F) {
	f.Add([]byte(demoLine))
	f.Add([]byte(demoLine + `{"event":"will","n":"24.1","kind":"msg","time":5,"pid":24,"key":9}` + "\n" +
		`{"event":"made","n":"24.1","kind":"msg","time":8}` + "\n"))
	f.Add([]byte(demoLine + `{"event":"void","n":"1"}` + "\n{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, things, err := readJournal(bytes.NewReader(text))
		if err != nil {
			return
		}
		state, err := own.OpenDir(t.TempDir(), false)
		if err != nil {
			t.Fatal(err)
		}
		defer state.Close()
		file, err := state.Open("journal", os.O_WRONLY|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		j := newJournal(file)
		for _, e := range append([]entry{first}, things...) {
			if err := j.write(e); err != nil {
				t.Fatal(err)
			}
		}
		_, again, err := openJournal(state, "journal")
		if err != nil {
			t.Fatalf("cannot be read back: %v", err)
		}
		if len(again) > len(things) {
			t.Errorf("%d things became %d", len(things), len(again))
		}
	})
}

func TestReadForeignJSON(t *testing.T) {
	if _, _, err := readJournal(strings.NewReader("{}\n")); !errors.Is(err, errNoJournal) {
		t.Errorf("a JSON file that is no journal: %v", err)
	}
}
