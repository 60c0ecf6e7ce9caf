package collect

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/content"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// peek reads the object that a person named by text.
func (s *sysvScene) peek(text string, part content.PeekRange) (*content.Content, error) {
	s.Helper()
	sel, err := schema.ParseSelector(text, func(schema.Kind) bool { return true })
	s.check(err)
	needs, ok := content.PeekNeeds(sel.Kind)
	if !ok {
		s.Fatal(content.WhyNoPeek(sel.Kind))
	}
	snap := s.snapshot(sel.Kind, needs)
	ref, err := snap.Resolve(sel)
	s.check(err)
	c, err := content.Peek(s.host, snap.Find(ref), snap.FindNamespace, part)
	if c != nil {
		c.Took, c.Ref = 0, schema.Ref{}
	}
	return c, err
}

func TestPeekQueue(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		id := s.id(s.admin.MsgGet(0x77, createIPC|0o600))
		for i := range 3 {
			s.check(s.admin.MsgSend(id, int64(i+1), []byte(strings.Repeat("x", i)), 0))
		}
		before, err := s.host.MsgStat(id)
		s.check(err)
		got, err := s.peek("msg:key=0x77", content.PeekRange{First: 1, Count: 5, Each: 1})
		s.check(err)
		s.equal("content", &content.Content{First: 1, Total: 3,
			Via: "MSG_COPY, which takes nothing out; each look locks the queue",
			Messages: []sysv.PeekedMessage{{Index: 1, Type: 2, Size: 1, Data: []byte("x")},
				{Index: 2, Type: 3, Size: 2, Data: []byte("x")}}}, got)
		after, err := s.host.MsgStat(id)
		s.check(err)
		s.equal("the queue afterwards", before, after)
	})
}

// seesWholeMachine reports true for root of the machine. It is false for a user who is root only in the user namespace
// of the test.
func seesWholeMachine(t *testing.T) bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	return slices.Equal(strings.Fields(string(text)), []string{"0", "0", "4294967295"})
}

func TestPeekSegment(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		id := s.id(s.admin.ShmGet(0x78, 3*4096, createIPC|0o600))
		name := fmt.Sprint("shm:", id)
		if _, err := s.peek(name, content.PeekRange{Count: 4}); !errors.Is(err, content.ErrNoHolder) {
			t.Errorf("a segment that nobody has attached: %v", err)
		}
		data, err := s.admin.ShmAttach(id, false)
		s.check(err)
		copy(data[4094:], "\x00\x1bab")
		before, err := s.host.ShmStat(id)
		s.check(err)
		got, err := s.peek(name, content.PeekRange{First: 4094, Count: 6})
		if !seesWholeMachine(t) { // map_files needs the right to checkpoint in the initial user namespace
			if !sys.Denied(err) {
				t.Errorf("without rights to map_files: %v", err)
			}
			s.check(s.admin.ShmDetach(data))
			return
		}
		s.check(err)
		s.equal("content", &content.Content{First: 4094, Total: 3 * 4096, Memory: []byte("\x00\x1bab\x00\x00"),
			Via: fmt.Sprintf("the mapping of %s (pid %d), attaching nothing", s.end(os.Getpid()).Comm, os.Getpid())},
			got)
		after, err := s.host.ShmStat(id)
		s.check(err)
		s.equal("the segment afterwards", before, after)
		if end, err := s.peek(name, content.PeekRange{First: 1 << 40, Count: 6}); err != nil || len(end.Memory) != 0 {
			t.Errorf("past the end: %q, %v", end.Memory, err)
		}
		s.check(s.admin.ShmDetach(data))
	})
}

func TestPeekPosixMemory(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		fd := s.opened(s.admin.ShmOpen("/cache", create, 0o600))
		_, err := unix.Write(fd, []byte("some text"))
		s.check(err)
		got, err := s.peek("pshm:/cache", content.PeekRange{First: 5, Count: 100})
		s.check(err)
		s.equal("content", &content.Content{First: 5, Total: 9, Memory: []byte("text"),
			Via: "its file, mapping nothing"},
			got)
		s.check(os.Symlink("/etc/passwd", "/dev/shm/link"))
		if _, err := s.peek("pshm:/link", content.PeekRange{Count: 1}); err == nil {
			t.Error("a link was followed")
		}
	})
}

// peekCell is the peek column of one object, as the object's page reads it.
func (s *sysvScene) peekCell(ref schema.Ref) schema.Value {
	s.Helper()
	snap := New(s.host, func() time.Time { return s.now }).Take(Request{Want: map[schema.Kind]schema.Need{ref.Kind: 0},
		Detail: ref})
	o := snap.Find(ref)
	if o == nil {
		s.Fatalf("no %v", ref)
	}
	return cellOf(ref.Kind, "peek")(o)
}

func TestPeekOnAPage(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		id := s.id(s.admin.MsgGet(1, createIPC|0o600))
		s.check(s.admin.MsgSend(id, 3, []byte("\x1b[1m"), 0))
		s.check(s.admin.MsgSend(id, 4, nil, 0))
		segment := s.id(s.admin.ShmGet(2, 4096, createIPC|0o600))
		q, err := s.host.MsgStat(id)
		s.check(err)
		shm, err := s.host.ShmStat(segment)
		s.check(err)
		queueRef := schema.Ref{Kind: schema.Msg, ID: uint64(id), Gen: uint64(q.CTime)}
		shmRef := schema.Ref{Kind: schema.Shm, ID: uint64(segment), Gen: uint64(shm.CTime)}
		s.equal("messages", schema.List([]string{"0: type 3, 4 bytes: 1b 5b 31 6d |.[1m|", "1: type 4, empty"}),
			s.peekCell(queueRef))
		s.equal("a segment that nobody has attached", schema.List([]string{content.ErrNoHolder.Error()}),
			s.peekCell(shmRef))
		data, err := s.admin.ShmAttach(segment, false)
		s.check(err)
		copy(data, "here")
		want := schema.List([]string{
			"00000000  68 65 72 65 00 00 00 00  00 00 00 00 00 00 00 00  |here............|",
			"00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|",
			"*",
			"00000070  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|",
		})
		if !seesWholeMachine(t) {
			want = schema.Refused(schema.TypeList)
		}
		s.equal("an attached one", want, s.peekCell(shmRef))
		s.check(s.admin.ShmDetach(data))
		// A table does not read the content of objects.
		rows := s.snapshot(schema.Msg, 0).Objects[schema.Msg]
		peek := cellOf(schema.Msg, "peek")
		if v := peek(rows[0]); v.State() != schema.NotCollected {
			t.Errorf("without being asked: %v", v.List())
		}
	})
}
