package collect

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestMechanismsAreDeclaredInFull(t *testing.T) {
	id := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	// The list has the words of the --where language (expr-lang.org), and the columns that every kind gets.
	taken := strings.Fields("and or not in matches contains startsWith endsWith let if else true false nil ref kind " +
		"bytes duration now date len any all none map filter")
	var kinds []schema.Kind
	for _, m := range Mechanisms() {
		kinds = append(kinds, m.Kind)
		if m.Title == "" || m.Help == "" || m.Family == "" || m.Collect == nil || len(m.Columns) == 0 ||
			len(m.Default) == 0 {
			t.Errorf("%s: incomplete", m.Kind)
		}
		if (m.Background == nil) != (m.Hidden == "") || (m.Parent == nil) != (m.Tree == "") {
			t.Errorf("%s: a tree without a column for its branches, or a background without words", m.Kind)
		}
		var ids []string
		for _, c := range m.Columns {
			switch {
			case !id.MatchString(c.ID) || slices.Contains(taken, c.ID):
				t.Errorf("%s: %q is no name that --where can take", m.Kind, c.ID)
			case slices.Contains(ids, c.ID):
				t.Errorf("%s: two columns are called %s", m.Kind, c.ID)
			case c.Help == "" || strings.HasSuffix(c.Help, ".") || strings.Contains(c.Help, "\n"):
				t.Errorf("%s %s: help %q, want one line without a full stop", m.Kind, c.ID, c.Help)
			case c.Width <= 0 || c.Get == nil:
				t.Errorf("%s %s: incomplete", m.Kind, c.ID)
			case strings.ContainsAny(c.Heading(), " \t"):
				t.Errorf("%s %s: heading %q holds a blank", m.Kind, c.ID, c.Heading())
			}
			ids = append(ids, c.ID)
		}
		for _, named := range append(slices.Clone(m.Default), m.OnDemand...) {
			if !slices.Contains(ids, named) {
				t.Errorf("%s: no column is called %s", m.Kind, named)
			}
		}
	}
	sorted := slices.Clone(kinds)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(kinds) {
		t.Errorf("a kind is there twice: %v", kinds)
	}
}

// Scripts use these names. Within a schema version, columns are only added.
func TestColumnsThatScriptsRelyOn(t *testing.T) {
	const owners = "key id owner perms cuid uid user gid group ctime age "
	want := map[schema.Kind]string{
		schema.Msg:     owners + "usedbytes msgs qbytes send recv lspid lrpid waiters",
		schema.Sem:     owners + "nsems otime semval waiters",
		schema.Shm:     owners + "size nattch status attach detach cpid lpid rss swap holders creator_state",
		schema.Pipe:    "inode readers writers waiters fill capacity",
		schema.Fifo:    "path inode readers writers waiters fill capacity",
		schema.Unix:    "type state recvq sendq path peer holders inode",
		schema.Inet:    "proto state recvq sendq local peer holders inode",
		schema.EventFD: "id",
		schema.Pty:     "tty path waiters",
		schema.Epoll:   "tfds", schema.SignalFD: "mask", schema.TimerFD: "clockid interval remaining",
		schema.Inotify: "inodes", schema.PidFD: "pid comm nspid", schema.IOUring: "holders",
		schema.Lock: "command pid type size inode maj_min mode m path holders",
		schema.Proc: "pid ppid pgid sid tty state nlwp user ruser ni start rss comm args",
	}
	var missing []string
	for _, m := range Mechanisms() {
		for _, id := range strings.Fields(want[m.Kind]) {
			if _, ok := m.Column(id); !ok {
				missing = append(missing, string(m.Kind)+" "+id)
			}
		}
		delete(want, m.Kind)
	}
	if diff := gocmp.Diff(map[schema.Kind]string{}, want); len(missing) > 0 || diff != "" {
		t.Errorf("missing: %v\n%s", missing, diff)
	}
}

// Each cell has the type that its column declares, in every State.
func TestCellsAreOfTheirColumnsType(t *testing.T) {
	samples := collecttest.NewSamples(t)
	for _, mech := range Mechanisms() {
		m := machine(t, samples.Of(mech.Kind))
		for _, needs := range []schema.Need{0, ^schema.Need(0)} {
			snap := m.Take(Request{Want: map[schema.Kind]schema.Need{mech.Kind: needs}})
			if mech.Kind == schema.Vsock { // no file shows vsock sockets: TestVsocks makes some
				continue
			}
			if len(snap.Objects[mech.Kind]) == 0 {
				t.Errorf("%s: the sample has none", mech.Kind)
			}
			for _, o := range snap.Objects[mech.Kind] {
				for _, c := range mech.Columns {
					if v := c.Get(o); v.Type() != c.Type {
						t.Errorf("%v %s: a %v in a column of %v (state %d)", o.Ref, c.ID, v.Type(), c.Type, v.State())
					}
				}
			}
		}
	}
}
