package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestUndo(t *testing.T) {
	onScene(t, func(s *scene) {
		if got := ipctop("undo", "--yes"); got.Code != 1 || got.Stderr !=
			"ipctop: nothing is saved that could be made again: see ipctop undo --list\n" {
			t.Errorf("with nothing saved: %+v", got)
		}
		if got := ipctop("undo", "--list"); got.Code != 0 || got.Stdout != "" ||
			got.Stderr != "ipctop: nothing is saved\n" {
			t.Errorf("with nothing saved: %+v", got)
		}
		a, b, c := s.shm(0x11), s.shm(0x12), s.shm(0x13)
		ipctop("rm", "--yes", ref(a), ref(b))
		ipctop("rm", "--yes", "--no-save", ref(c))
		s.expect(nil)
		got := ipctop("undo", "--dry-run")
		title := "Make again 2 objects of plan 1 (Remove 2 objects)\n"
		if got.Code != 0 || !strings.HasPrefix(got.Stdout, title+ref(a)+": ") {
			t.Errorf("%+v", got)
		}
		s.expect(nil)
		if got := ipctop("undo", "1"); got.Code != exitUsage || !strings.Contains(got.Stderr, "say --yes") {
			t.Errorf("without a terminal: %+v", got)
		}
		if got := ipctop("undo", "--yes", "1"); got.Code != 0 ||
			got.Stdout != ref(a)+": made again\n"+ref(b)+": made again\n" {
			t.Errorf("%+v", got)
		}
		s.expect([]int{a, b})
		var doc savedJSON
		if err := json.Unmarshal([]byte(ipctop("undo", "--list", "-o", "json").Stdout), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Plans) != 1 || doc.Plans[0].Left() != 0 || len(doc.Plans[0].Objects) != 2 {
			t.Errorf("%+v", doc)
		}
		for _, args := range [][]string{{"0"}, {"1", "2"}, {"--list", "1"}, {"--output", "json"}, {"--keep", "0s"},
			{"--keep", ""}, {"--read-only"}} {
			if got := ipctop(append([]string{"undo"}, args...)...); got.Code != exitUsage {
				t.Errorf("%q: %+v", args, got)
			}
		}
		for _, args := range [][]string{{"rm", "--save-limit", "", ref(a)}, {"clean", "--older", ""}} {
			if got := ipctop(args...); got.Code != exitUsage {
				t.Errorf("%q: %+v", args, got)
			}
		}
		if got := ipctop("undo", "99"); got.Code != exitFailed {
			t.Errorf("%+v", got)
		}
	})
}
