package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/actions"
)

func TestJournal(t *testing.T) {
	onScene(t, func(s *scene) {
		if got := ipctop("journal"); got.Code != 0 || got.Stdout != "" ||
			!strings.HasPrefix(got.Stderr, "ipctop: nothing in ") {
			t.Errorf("without a journal: %+v", got)
		}
		a, b := s.shm(0x11), s.shm(0x12)
		ipctop("rm", "--yes", ref(a), ref(b))
		got := ipctop("journal", "--ref", ref(b))
		lines := strings.Split(got.Stdout, "\n")
		if got.Code != 0 || len(lines) != 3 ||
			!strings.Contains(lines[1], "Remove 2 objects  "+ref(b)+"  done     removed") {
			t.Errorf("%+v", got)
		}
		var doc journalJSON
		if err := json.Unmarshal([]byte(ipctop("journal", "-o", "json", "--last", "1").Stdout), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Deeds) != 1 || doc.Deeds[0].Ref != ref(b) || doc.Deeds[0].Outcome != actions.Done ||
			!strings.Contains(string(doc.Deeds[0].Object), `"key": "0x00000012"`) {
			t.Errorf("%+v", doc)
		}
		for _, args := range [][]string{{"--since", "1h"}, {"--until", "0s"}, {"--outcome", "done"}} {
			got := ipctop(append([]string{"journal", "-o", "jsonl"}, args...)...)
			if n := strings.Count(got.Stdout, "\n"); n != 2 || got.Code != 0 {
				t.Errorf("%v: %d deeds, %+v", args, n, got)
			}
		}
		path := filepath.Join(os.Getenv("XDG_STATE_HOME"), "ipctop", "journal.jsonl")
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(`{"time":"2026`); err != nil {
			t.Fatal(err)
		}
		got = ipctop("journal", "--until", "1d")
		want := commandOutput{exitPartly, "", "ipctop: nothing in " + path +
			"\nipctop: journal: 1 broken lines are left out: a full disk or a crash cut them off\n"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		ipctop("rm", "--yes", ref(s.shm(0x13)))
		if err := os.WriteFile(path+".1", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path+".1", 65<<20); err != nil {
			t.Fatal(err)
		}
		got = ipctop("journal", "-o", "jsonl")
		says := "ipctop: journal: " + path + ".1 is left out: it is larger than 64 MiB\n"
		if got.Code != exitPartly || got.Stderr != says || strings.Count(got.Stdout, "\n") != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestMomentOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 18, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                     {},
		"90m":                  now.Add(-90 * time.Minute),
		"7d":                   now.AddDate(0, 0, -7),
		"2026-11-29":           time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC),
		"2026-11-29T10:00:01Z": time.Date(2026, 11, 29, 10, 0, 1, 0, time.UTC),
		"2026-11-29 10:00":     time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC),
	} {
		if got, err := momentOf("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	if _, err := momentOf("since", "yesterday", now); err == nil {
		t.Error("yesterday is no error")
	}
}
