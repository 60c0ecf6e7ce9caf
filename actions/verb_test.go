package actions

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestVerbsAreDeclaredInFull(t *testing.T) {
	var names, keys []string
	for _, v := range Verbs() {
		names, keys = append(names, v.Name), append(keys, strings.Fields(v.Keys)...)
		words := map[string]string{"name": v.Name, "title": v.Title, "done": v.Done, "short": v.Short, "keys": v.Keys}
		for what, text := range words {
			if text == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s: its %s is %q", v.Name, what, text)
			}
		}
		if v.Long == "" || !strings.Contains(v.Example, "ipctop "+v.Name) || (v.Kinds == nil) != (v.Instead == nil) {
			t.Errorf("%s: it lacks help, an example, or words for kinds that it does not do", v.Name)
		}
		use := v.Begin()
		if use.Plan == nil || len(use.Takes) > 0 && use.Whom == nil {
			t.Errorf("%s: it cannot be planned, or says not whom it is done to", v.Name)
		}
		for _, m := range collect.Mechanisms() {
			if v.Hint(m.Kind, true) == "" || v.Hint(m.Kind, false) == "" {
				t.Errorf("%s: no hint for its key on %s", v.Name, m.Kind)
			}
			if !v.Does(m.Kind) && v.Instead(schema.Ref{Kind: m.Kind, ID: 7}) == "" {
				t.Errorf("%s: it has nothing to say of %s", v.Name, m.Kind)
			}
		}
		for _, o := range use.Takes {
			checkOption(t, v.Name, &o)
		}
	}
	for _, list := range [][]string{names, keys} {
		if slices.Sort(list); !slices.Equal(slices.Compact(slices.Clone(list)), list) {
			t.Errorf("one is there twice: %q", list)
		}
	}
}

// checkOption looks at what a command and a menu make of an option.
func checkOption(t *testing.T, verb string, o *Option) {
	t.Helper()
	if o.Name == "" || o.Title == "" || o.Set == nil || o.Word == "" && o.Help == "" ||
		(o.Of == nil) != (o.Idle == "") || (o.Key == "") != (o.Hint == "") {
		t.Errorf("%s %s: incomplete", verb, o.Name)
	}
	if o.Set("no such choice") == nil && len(o.Choices) > 0 {
		t.Errorf("%s %s: takes what is no choice", verb, o.Name)
	}
	if len(o.Choices) > 0 && !slices.Contains(o.Values(), o.Default) {
		t.Errorf("%s %s: %q is no choice", verb, o.Name, o.Default)
	}
	for _, value := range o.Values() {
		if err := o.Set(value); err != nil {
			t.Errorf("%s %s: %v", verb, o.Name, err)
		}
	}
}

// A kind without a removal is refused with a sentence, of which a new kind gets the usual one.
func TestKindsWithoutARemoval(t *testing.T) {
	const holders = "end its holders with ipctop signal TERM --to holders "
	const only = " are not removed: only msg, sem, shm, pmsg, psem and pshm are"
	want := []string{
		"memfd:7: memory without a name goes away when its last user has closed and unmapped it: " +
			"end those with ipctop signal TERM --to holders memfd:7",
		"mmap:7: it is a file: rm its path; what is mapped stays until those who map it end " +
			"(ipctop signal TERM --to holders mmap:7)",
		"pipe:7: a pipe goes away when its last holder closes it: " + holders + "pipe:7",
		"fifo:7: a FIFO is a file: rm its path; what is open stays until its holders end " +
			"(ipctop signal TERM --to holders fifo:7)",
		"pty:7: it goes away when its last holder closes it: " + holders + "pty:7",
		"unix:7: a socket goes away when its last holder closes it: " + holders + "unix:7",
		"inet:7: a socket goes away when its last holder closes it: " + holders + "inet:7",
		"netlink:7: objects of kind netlink" + only,
		"packet:7: objects of kind packet" + only,
		"vsock:7: objects of kind vsock" + only,
		"lock:7: a lock goes away when its holder gives it up or ends: ipctop signal TERM --to holders lock:7",
		"eventfd:7: it goes away when its last holder closes it: " + holders + "eventfd:7",
		"epoll:7: it goes away when its last holder closes it: " + holders + "epoll:7",
		"signalfd:7: it goes away when its last holder closes it: " + holders + "signalfd:7",
		"timerfd:7: it goes away when its last holder closes it: " + holders + "timerfd:7",
		"inotify:7: it goes away when its last holder closes it: " + holders + "inotify:7",
		"pidfd:7: it goes away when its last holder closes it: " + holders + "pidfd:7",
		"io_uring:7: it goes away when its last holder closes it: " + holders + "io_uring:7",
		"proc:7: a process is not removed: end it with ipctop signal TERM proc:7",
		"ns:7: objects of kind ns" + only,
		"limit:7: a limit is not removed: set it with sysctl",
		"wait:7: objects of kind wait" + only,
	}
	var refs []schema.Ref
	for _, m := range collect.Mechanisms() {
		if !Removable(m.Kind) {
			refs = append(refs, schema.Ref{Kind: m.Kind, ID: 7})
		}
	}
	plan := live(t).removal(refs...)
	var got []string
	for _, r := range plan.Refused {
		got = append(got, r.String())
	}
	if diff := cmp.Diff(want, got); diff != "" || len(plan.Steps) > 0 {
		t.Error(diff, plan.Steps)
	}
}
