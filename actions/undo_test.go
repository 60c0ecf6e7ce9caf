package actions

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

const undoNote = "note: ipctop undo makes it again within 7 days; attachments, SEM_UNDO and times do not come back"

// undo plans to make the objects of a saved plan again.
func (m *machine) undo(number int) *Plan {
	m.t.Helper()
	p, err := m.Undo(number)
	m.ok(err)
	m.t.Cleanup(p.Close)
	return p
}

// all checks that a run has these results, and no more.
func (m *machine) all(p *Plan, want ...string) {
	m.t.Helper()
	if diff := cmp.Diff(want, m.run(p)); diff != "" {
		m.t.Error(diff)
	}
}

// withID makes an object with a high id, if the kernel lets us.
func (m *machine) withID(kind schema.Kind, id int, create func() schema.Ref) schema.Ref {
	m.t.Helper()
	if err := m.admin.SetNextID(string(kind), id); err != nil && !errors.Is(err, os.ErrPermission) &&
		!errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	return create()
}

// owner is another owner if the test may give objects away.
func otherOwner() uint32 {
	if os.Getuid() == 0 {
		if text, err := os.ReadFile("/proc/self/uid_map"); err == nil && len(strings.Fields(string(text))) == 3 &&
			strings.Fields(string(text))[2] != "1" {
			return 1234
		}
	}
	return uint32(os.Getuid())
}

func TestUndoBringsSystemVObjectsBack(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		owner := otherOwner()
		q := m.withID(schema.Msg, 7, func() schema.Ref { return m.msg(0x71) })
		messages := []sysv.PeekedMessage{}
		for i, data := range []string{"", "second", strings.Repeat("long", 2000)} {
			mtype := int64(1 + (i+2)%3)
			m.ok(m.admin.MsgSend(int(q.ID), mtype, []byte(data), 0))
			messages = append(messages, sysv.PeekedMessage{Index: i, Type: mtype, Size: len(data), Data: []byte(data)})
		}
		m.ok(m.admin.MsgSet(sysv.MsgQueue{IPCPerm: sysv.IPCPerm{ID: int(q.ID), UID: owner, GID: owner, Mode: 0o640},
			QBytes: 10000}))
		set := m.withID(schema.Sem, 8, func() schema.Ref { return m.sem(0x72, 4) })
		m.ok(m.admin.SemSetValues(int(set.ID), []uint16{0, 3, 32767, 1}))
		size := uint64(1 << 20)
		if m.survey(newPlan(m.Planner, "", ""), nil, nil).opensOwnMappings() {
			size = 1 << 32 // larger than the limit, with holes
		}
		seg := m.withID(schema.Shm, 9, func() schema.Ref { return m.shm(0x73, size) })
		memory, err := m.admin.ShmAttach(int(seg.ID), false)
		m.ok(err)
		copy(memory, "begin")
		copy(memory[size/2+4090:], "over two pages")
		memory[size-1] = 'e'
		m.ok(m.admin.ShmDetach(memory))
		m.ok(m.admin.ShmSetPerm(sysv.IPCPerm{ID: int(seg.ID), UID: owner, GID: owner, Mode: 0o444}))
		refs := []schema.Ref{m.ref(schema.Msg, int(q.ID)), m.ref(schema.Sem, int(set.ID)),
			m.ref(schema.Shm, int(seg.ID))}
		before := m.stats(refs)
		m.all(m.removal(refs...), "done "+q.String()+": removed", "done "+set.String()+": removed",
			"done "+seg.String()+": removed")
		if len(m.stats(refs)) != 0 {
			t.Fatal("not removed")
		}
		m.all(m.undo(0), "done "+q.String()+": made again", "done "+set.String()+": made again",
			"done "+seg.String()+": made again")
		if diff := cmp.Diff(before, m.stats(refs)); diff != "" {
			t.Error(diff)
		}
		got, err := m.host.PeekMessages(int(q.ID), 0, 10, 10000)
		if errors.Is(err, os.ErrPermission) {
			got, err = messages, nil // given away
		}
		text := cmp.Transformer("text", func(b []byte) string { return string(b) })
		if diff := cmp.Diff(messages, got, text); err != nil || diff != "" {
			t.Error(err, diff)
		}
		memory, err = m.admin.ShmAttach(int(seg.ID), true)
		m.ok(err)
		if string(memory[:5]) != "begin" || string(memory[size/2+4090:size/2+4104]) != "over two pages" ||
			memory[size-1] != 'e' || memory[100] != 0 {
			t.Error("the segment holds something else")
		}
		m.ok(m.admin.ShmDetach(memory))
	})
}

// stats are the facts of System V objects that undo brings back.
func (m *machine) stats(refs []schema.Ref) map[string]any {
	all := map[string]any{}
	for _, r := range refs {
		id := int(r.ID)
		switch r.Kind {
		case schema.Msg:
			if q, err := m.host.MsgStat(id); err == nil {
				all[r.String()] = []any{q.IPCPerm, q.QNum, q.CBytes, q.QBytes}
			}
		case schema.Sem:
			if s, err := m.host.SemStat(id); err == nil {
				values, err := m.host.SemValues(id, int(s.NSems))
				m.ok(err)
				for i := range values {
					values[i].Pid = 0
				}
				all[r.String()] = []any{s.IPCPerm, s.NSems, values}
			}
		case schema.Shm:
			if s, err := m.host.ShmStat(id); err == nil {
				all[r.String()] = []any{s.IPCPerm, s.Size, s.NAttch}
			}
		}
	}
	return all
}

func TestUndoBringsPosixObjectsBack(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		owner := posix.FileOwner{UID: otherOwner(), GID: otherOwner(), Perms: 0o640}
		const name = "/a b\x1b\xff"
		m.ok(m.admin.PosixShmMake(name, owner, func(f *os.File) error {
			_, err := f.WriteAt([]byte("data"), 10000)
			return errors.Join(err, f.Truncate(1<<33))
		}))
		m.ok(m.admin.PosixSemMake("/gate", 5, owner))
		m.ok(m.admin.PosixMsgMake("/jobs", posix.MqAttr{MaxMsg: 4, MsgSize: 100}, owner, func(fd int) error {
			return errors.Join(m.admin.MqSend(fd, []byte("low"), 1), m.admin.MqSend(fd, []byte("high"), 9),
				m.admin.MqSend(fd, []byte("low too"), 1))
		}))
		refs := []schema.Ref{m.posix(schema.PShm, name), m.posix(schema.PSem, "/gate"), m.posix(schema.PMsg, "/jobs")}
		file := func(r schema.Ref) vfs.PosixFile {
			f, err := posixKinds()[r.Kind].stat(m.host, r.Name)
			m.ok(err)
			return vfs.PosixFile{Name: f.Name, UID: f.UID, GID: f.GID, Mode: f.Mode, Size: f.Size,
				Allocated: f.Allocated}
		}
		var before, after []vfs.PosixFile
		var removed, again []string
		for _, r := range refs {
			before = append(before, file(r))
			r.Gen = 0
			removed = append(removed, "done "+r.String()+": removed")
			again = append(again, "done "+r.String()+": made again")
		}
		m.all(m.removal(refs...), removed...)
		m.all(m.undo(0), again...)
		for _, r := range refs {
			after = append(after, file(r))
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
		shm := m.posix(schema.PShm, name)
		st, err := m.host.PosixShmStat(name)
		m.ok(err)
		buf := make([]byte, 4)
		_, err = m.host.ReadPosixShm(shm.Name, st.Dev, st.Ino, 10000, buf)
		m.ok(err)
		sems, err := m.host.AllPosixSems(true)
		m.ok(err)
		if string(buf) != "data" || len(sems) != 1 || sems[0].Value != 5 {
			t.Errorf("%q, %v", buf, sems)
		}
		fd, err := m.admin.MqOpen("/jobs", os.O_RDONLY|syscall.O_NONBLOCK, 0, nil)
		m.ok(err)
		defer syscall.Close(fd)
		var got []string
		for range 3 {
			data, priority, err := m.admin.MqReceive(fd, 100)
			m.ok(err)
			got = append(got, fmt.Sprint(priority, " ", string(data)))
		}
		if diff := cmp.Diff([]string{"9 high", "1 low", "1 low too"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// An undo is not done twice. What took an id, a key or a name meanwhile stays.
func TestUndoRefusesWhatIsTaken(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		if _, err := m.Undo(0); !errors.Is(err, ErrNothingSaved) {
			t.Errorf("with nothing saved: %v", err)
		}
		a, b := m.shm(0x11, 4096), m.sem(0x12, 1)
		m.ok(m.admin.PosixShmCreate("/taken", 1, 0o600))
		m.run(m.removal(a, b, m.posix(schema.PShm, "/taken")))
		planned := m.undo(1)
		m.shm(0x13, 1) // takes the place of a in the kernel's table, with another id
		m.sem(0x12, 2)
		m.ok(m.admin.PosixShmCreate("/taken", 2, 0o600))
		m.refusedStep(planned, 1, b, "its key 0x00000012 is taken by another object")
		var got []string
		for _, r := range m.undo(1).Refused {
			got = append(got, r.String())
		}
		want := []string{a.String() + ": it was made again already",
			b.String() + ": its key 0x00000012 is taken by another object",
			"pshm:/taken: its name is taken by another object"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		segments, err := m.host.ShmSegments(false)
		m.ok(err)
		if id, err := m.host.NextID("shm"); err == nil && id != -1 {
			t.Errorf("the next segment of any program gets id %d", id)
		}
		if len(segments) > 2 {
			t.Errorf("left over: %v", segments)
		}
	})
}

// refusedStep runs a plan, and checks one of its results.
func (m *machine) refusedStep(p *Plan, i int, r schema.Ref, why string) {
	m.t.Helper()
	r.Gen = 0
	got := m.run(p)
	if len(got) <= i || got[i] != "refused "+r.String()+": "+why {
		m.t.Errorf("got %q, want %s at %d", got, why, i)
	}
}

func TestUndoIsDoneOnce(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		a := m.msg(0x11)
		m.run(m.removal(a))
		first, second := m.undo(0), m.undo(0)
		m.run(first)
		m.ok(m.admin.MsgRemove(int(a.ID)))
		m.refusedStep(second, 0, a, "it was made again already")
		if p := m.undo(1); len(p.Steps) != 0 || p.Refused[0].Why != "it was made again already" {
			t.Error(p.Lines())
		}
		if _, err := m.Undo(0); !errors.Is(err, ErrNothingSaved) {
			t.Errorf("%v", err)
		}
		plans, err := m.Saved()
		m.ok(err)
		if len(plans) != 1 || plans[0].Left() != 0 || plans[0].Objects[0].Ref != a.String() {
			t.Errorf("%+v", plans)
		}
	})
}

// The content of an attached segment is read through its holder. The plan says what is too large.
func TestWhatIsSavedOfSegments(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		a := m.shm(0x21, 8192)
		memory, err := m.admin.ShmAttach(int(a.ID), false)
		m.ok(err)
		copy(memory[4096:], "held")
		m.saving.Limit = 4096
		big := m.shm(0x22, 8192)
		bigger, err := m.admin.ShmAttach(int(big.ID), false)
		m.ok(err)
		bigger[0], bigger[4096] = 1, 1
		m.ok(m.admin.ShmDetach(bigger))
		big = m.ref(schema.Shm, int(big.ID))
		p := m.removal(a, big)
		want := [][]string{{writtenLater}, {"what it holds: it holds more than --save-limit (8192 bytes)"}}
		if _, err := os.Open(fmt.Sprintf("/proc/self/map_files/%s", mapLink(memory))); err != nil {
			want[0] = []string{"what it holds: permission denied"}
		}
		if diff := cmp.Diff(want, [][]string{p.Steps[0].Unsaved, p.Steps[1].Unsaved}); diff != "" {
			t.Error(diff)
		}
		m.run(p)
		m.ok(m.admin.ShmDetach(memory))
		back := m.undo(0)
		if diff := cmp.Diff(want, [][]string{back.Steps[0].Unsaved, back.Steps[1].Unsaved}); diff != "" {
			t.Error(diff)
		}
		m.run(back)
		if want[0][0] == writtenLater {
			id, err := m.admin.ShmGet(0x21, 0, 0)
			m.ok(err)
			memory, err = m.admin.ShmAttach(id, true)
			m.ok(err)
			if string(memory[4096:4100]) != "held" {
				t.Errorf("%q", memory[4096:4100])
			}
			m.ok(m.admin.ShmDetach(memory))
		}
	})
}

func mapLink(data []byte) string {
	return fmt.Sprintf("%x-%x", addressOf(data), addressOf(data)+uint64(len(data)))
}

// A segment that is still attached keeps its id until the last process lets it go.
func TestUndoOfASegmentThatIsStillAttached(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		a := m.shm(0x21, 4096)
		memory, err := m.admin.ShmAttach(int(a.ID), false)
		m.ok(err)
		m.run(m.removal(a))
		p := m.undo(0)
		if len(p.Refused) != 1 || p.Refused[0].Why !=
			"its id is taken: the removed segment lives until the last process detaches it" {
			t.Error(p.Lines())
		}
		m.ok(m.admin.ShmDetach(memory))
	})
}

// Without --no-save, a removal whose copy finds no room is refused. With it, nothing is on disk.
func TestRemovalWithoutRoomForTheCopy(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		dir := filepath.Join(m.state, "ipctop")
		m.ok(os.Mkdir(dir, 0o700))
		m.ok(syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=0700"))
		defer syscall.Unmount(dir, syscall.MNT_DETACH)
		a := m.shm(0x11, 1<<20)
		m.refused(m.removal(a), a, "not done, since it could not be saved for undo: no space left on device: --no-save")
		if now := m.ref(schema.Shm, int(a.ID)); now != a {
			t.Error("the segment was changed")
		}
		if saved, err := os.ReadDir(filepath.Join(dir, "saved")); err != nil || len(saved) != 2 {
			t.Errorf("left over: %v, %v", saved, err)
		}
		m.saving.Off = true
		p := m.removal(a)
		m.all(p, "done "+a.String()+": removed")
		if p.Notes[0] != "nothing is saved, so that ipctop undo cannot make it again" {
			t.Error(p.Notes)
		}
	})
}

// Copies go after --keep. Nobody else may read them.
func TestCopiesArePrivateAndGo(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		m.run(m.removal(m.shm(0x11, 4096)))
		dir := filepath.Join(m.state, "ipctop", "saved", "1")
		for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "1.data"): 0o600,
			filepath.Join(dir, "1.json"): 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
		now := m.now
		m.now = func() time.Time { return now().Add(DefaultKeep + time.Minute) }
		if _, err := m.Undo(0); !errors.Is(err, ErrNothingSaved) {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
		m.now = now
		m.run(m.removal(m.shm(0x12, 4096)))
		if plans, err := m.Saved(); err != nil || len(plans) != 1 || plans[0].Number != 2 {
			t.Errorf("%+v, %v", plans, err)
		}
	})
}

// A data file that was cut off, or is another's, makes nothing.
func TestUndoOfBrokenData(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		a := m.msg(0x11)
		m.ok(m.admin.MsgSend(int(a.ID), 1, bytes.Repeat([]byte("x"), 1000), 0))
		m.run(m.removal(a))
		data := filepath.Join(m.state, "ipctop", "saved", "1", "1.data")
		m.ok(os.Truncate(data, 40))
		p := m.undo(0)
		want := []string{"Make again 0 objects of plan 1 (Remove 1 object)", p.Lines()[1], "refused: " + a.String() +
			": the copy of what it held is broken: " + data + ": unexpected EOF: only 0 messages of it can be read"}
		if diff := cmp.Diff(want, p.Lines()); diff != "" {
			t.Error(diff)
		}
		if _, err := m.host.MsgStat(int(a.ID)); err == nil {
			t.Error("a queue without its messages is left")
		}
	})
}

// An ordinary user has no say in the id. The plan tells.
func TestUndoWithoutTheRightToAnID(t *testing.T) {
	if sys.MaySetNextID() && os.Getuid() == 0 {
		t.Skip("this user may wish an id")
	}
	host := live(t)
	u := &undoer{Planner: host.Planner}
	if err := u.maySetID(&savedObject{Kind: schema.Shm}); err == nil {
		t.Error("no reason")
	}
}

// If another process takes the wished id first, only the own new object goes. A wish that nobody took is used up.
func TestTheWishForAnID(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		u := &undoer{Planner: m.Planner}
		o := &savedObject{Kind: schema.Shm, ID: 41, Key: 0x41, Size: 4096, UID: uint32(os.Getuid()),
			GID: uint32(os.Getgid()), Perms: 0o600}
		kind := u.sysv(o)
		if why := u.maySetID(o); why != nil {
			t.Skip("needs the right to wish an id: " + why.Error())
		}
		ids := func() map[int]uint32 {
			all, err := m.host.ShmSegments(false)
			m.ok(err)
			got := map[int]uint32{}
			for _, s := range all {
				got[s.ID] = s.Key
			}
			return got
		}
		get := kind.get
		kind.get = func(key uint32, flags int) (int, error) {
			m.shm(0x99, 1) // another process is first
			kind.get = get
			return get(key, flags)
		}
		if _, err := u.makeSysV(o, kind, true); err == nil || !strings.Contains(err.Error(), "its id is taken") {
			t.Errorf("%v", err)
		}
		if diff := cmp.Diff(map[int]uint32{41: 0x99}, ids()); diff != "" {
			t.Error(diff)
		}
		o.ID, o.Key = 42, 0x99 // a key that is taken
		if _, err := u.makeSysV(o, u.sysv(o), true); err == nil ||
			!strings.Contains(err.Error(), "its key 0x00000099") {
			t.Errorf("%v", err)
		}
		if id, err := m.host.NextID("shm"); err != nil || id != -1 {
			t.Errorf("the next segment of any program gets id %d (%v)", id, err)
		}
		o.ID, o.Key = 43, 0x43
		id, err := u.makeSysV(o, u.sysv(o), false)
		if err != nil || id == 43 || ids()[id] != 0x43 {
			t.Errorf("without the right: id %d, %v, %v", id, err, ids())
		}
	})
}
