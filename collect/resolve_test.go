package collect

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestResolve(t *testing.T) {
	segment := func(id int, key uint32, gen uint64) *schema.Object {
		perm := sysv.IPCPerm{ID: id, Key: key}
		return &schema.Object{Ref: schema.Ref{Kind: schema.Shm, ID: uint64(id), Gen: gen},
			Row: &kinds.ShmRow{ShmSegment: sysv.ShmSegment{IPCPerm: perm}, Owners: kinds.IPCOwners{IPCPerm: perm}}}
	}
	fifo := func(dev, ino uint64, path string) *schema.Object {
		return &schema.Object{Ref: schema.Ref{Kind: schema.Fifo, Space: dev, ID: ino}, Row: &kinds.PipeRow{Path: path}}
	}
	s := &Snapshot{IPCNamespace: 4026531839, Objects: map[schema.Kind][]*schema.Object{
		schema.Shm:  {segment(0, 0x12, 100), segment(32769, 0, 200), segment(5, 0xdeadbeef, 300)},
		schema.Fifo: {fifo(schema.MakeDev(0, 35), 12, "/tmp/a"), fifo(schema.MakeDev(8, 1), 12, "/run/b")},
	}}
	epoll := schema.Ref{Kind: schema.Epoll, Name: "4242/7", Gen: 99}
	lock := schema.Ref{Kind: schema.Lock, Space: schema.MakeDev(0, 40), Name: "80/posix/210/0-99", Gen: 5}
	s.Objects[schema.Epoll], s.Objects[schema.Lock] = []*schema.Object{{Ref: epoll}},
		[]*schema.Object{{Ref: lock, Row: &kinds.LockRow{}}}
	shm := s.Objects[schema.Shm]
	fifos := s.Objects[schema.Fifo]
	for _, c := range []struct {
		text string
		want schema.Ref
		err  error
	}{
		{"shm:32769", shm[1].Ref, nil},
		{"shm:5@4026531839", shm[2].Ref, nil},
		{"shm:5@4026532178", schema.Ref{}, fs.ErrNotExist},
		{"shm:key=0x12", shm[0].Ref, nil},
		{"shm:key=3735928559", shm[2].Ref, nil},
		{"shm:key=0x13", schema.Ref{}, fs.ErrNotExist},
		{"shm:6", schema.Ref{}, fs.ErrNotExist},
		{"msg:0", schema.Ref{}, fs.ErrNotExist},
		{"fifo:12", schema.Ref{}, ErrAmbiguous},
		{"fifo:12@8:1", fifos[1].Ref, nil},
		{"fifo:/tmp/a", fifos[0].Ref, nil},
		{"epoll:4242/7", epoll, nil},
		{"epoll:4242/8", schema.Ref{}, fs.ErrNotExist},
		{lock.String(), lock, nil},
		{"lock:80/posix/210/0-99", lock, nil},
		{"lock:80/posix/210/0-99@0:41", schema.Ref{}, fs.ErrNotExist},
		{"fifo:/tmp/b", schema.Ref{}, fs.ErrNotExist},
	} {
		sel, err := schema.ParseSelector(c.text, func(schema.Kind) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Resolve(sel)
		if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v\n%s", c.text, got, err, diff)
		}
	}
}

// An object may be out of sight because rights are missing. Then the error does not say that the object does not exist.
func TestResolveWithoutRights(t *testing.T) {
	fault := func(source string, denied bool) schema.Fault {
		return schema.Fault{Source: source, Says: source + " refused", Denied: denied}
	}
	const none = "there is no such object"
	for _, c := range []struct {
		text  string
		fault schema.Fault
		want  string
	}{
		{"pipe:7", fault("fd", true), "no such object can be seen from here: fd refused"},
		{"eventfd:7", fault("fd", true), "no such object can be seen from here: fd refused"},
		{"pshm:7", fault("maps", true), "no such object can be seen from here: maps refused"},
		{"pshm:/name", fault("maps", true), none},
		{"pmsg:/name", fault("pmsg", true), "no such object can be seen from here: pmsg refused"},
		{"proc:7", fault("processes", true), "no such object can be seen from here: processes refused"},
		{"proc:7", fault("fd", true), none},
		{"shm:7", fault("maps", true), none}, // anybody can list segments
		{"pipe:7", fault("fd", false), none},
		{"pipe:7", fault("syscall", true), none},
	} {
		sel, err := schema.ParseSelector(c.text, func(schema.Kind) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		s := &Snapshot{Faults: []schema.Fault{c.fault}}
		if _, err := s.Resolve(sel); err == nil || err.Error() != c.want || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s with %+v: %v, want %s", c.text, c.fault, err, c.want)
		}
	}
}

func TestResolveNamesTheCandidates(t *testing.T) {
	s := &Snapshot{Objects: map[schema.Kind][]*schema.Object{schema.Fifo: {
		{Ref: schema.Ref{Kind: schema.Fifo, Space: schema.MakeDev(0, 35), ID: 12}, Row: &kinds.PipeRow{}},
		{Ref: schema.Ref{Kind: schema.Fifo, Space: schema.MakeDev(8, 1), ID: 12}, Row: &kinds.PipeRow{}},
	}}}
	_, err := s.Resolve(schema.Selector{Kind: schema.Fifo, ID: 12})
	if want := "it names several objects, name one of them: fifo:12@0:35, fifo:12@8:1"; err == nil ||
		err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
