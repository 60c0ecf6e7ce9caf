package collect

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// messageTo: a and b wait for each other. A descriptor of an unrelated file is in a message to one actor: a, or c, who
// hangs behind b.
func messageTo(p *play, receiver string) {
	pair := p.socketPair()
	r, w := p.pipe()
	x, y, z := p.open("lock"), p.open("lock"), p.open("lock")
	p.j.Check(unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(p.open("unrelated")), nil, 0))
	keep := map[string][]int{"a": {r, x}, "b": {w, y}, "c": {z}}
	keep[receiver] = append(keep[receiver], pair[1])
	a, b, c := p.actor("a", keep["a"]...), p.actor("b", keep["b"]...), p.actor("c", keep["c"]...)
	a.first.Flock(x, unix.LOCK_EX)
	a.then().Read(r)
	b.then().Flock(y, unix.LOCK_EX)
	c.then().Flock(z, unix.LOCK_EX)
}

// A message to a process that is stuck is no way out: nobody will receive it.
func TestWaitsDespiteDescriptorsInMessages(t *testing.T) {
	for _, play := range []string{"message-to-member", "message-to-hanging"} {
		t.Run(play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				perform(t, play).shows("a deadlock\n  b deadlock\n  c hangs\ncritical inferred deadlock: a b\n")
			})
		})
	}
}

// A message to a process that is free may be a way out. This hides a deadlock, so a fault tells of it.
func TestWaitsThatAMessageMayEnd(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "pipe-end-sent")
		s.shows("a waits\n  b waits\nwarning inferred deadlock: a b\n")
		snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Findings: true})
		if !slices.ContainsFunc(snap.Faults, func(f schema.Fault) bool { return f.Source == "wait" }) {
			t.Errorf("no fault tells of it: %+v", snap.Faults)
		}
		if len(snap.Findings) != 1 ||
			!strings.HasPrefix(snap.Findings[0].Says, "would be a deadlock but for the descriptors in messages to ") {
			t.Errorf("%+v", snap.Findings)
		}
	})
}
