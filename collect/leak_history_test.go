package collect

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// A history is a random life of objects and processes on the real kernel: processes make objects, use them, keep them,
// tell each other about them, fork and end. So the truth is known by construction: who has an object, and who knows it.

// pastActor is a process of a history.
type pastActor struct {
	worker *kerneltest.Worker // nil: forked by another, it only sleeps
	pid    int
	uid    int
	born   int // step of its start
	ended  bool
}

// pastObject is an object of a history.
type pastObject struct {
	kind   schema.Kind
	id     string // id or name
	owner  int    // uid
	shared bool   // every user may use it
	used   int    // step of the last use that the kernel keeps a time of
	knows  map[*pastActor]bool
	has    map[*pastActor]bool
}

func (o *pastObject) ref() string { return string(o.kind) + ":" + o.id }

// may reports whether the object's mode lets an actor use the object.
func (o *pastObject) may(a *pastActor) bool { return o.shared || a.uid == 0 || a.uid == o.owner }

type history struct {
	*sysvScene
	rnd     *rand.Rand
	users   []int
	actors  []*pastActor
	objects []*pastObject
	step    int
	// undoRead is true if this machine lets the reader see who has adjustments of SEM_UNDO.
	undoRead bool
	told     []string // the steps in words, for a failure
}

func historyKinds() []schema.Kind {
	return []schema.Kind{schema.Shm, schema.Sem, schema.Msg, schema.PShm, schema.PMsg}
}

// workHistory does what each line tells: "make KIND MODE NAME", "use KIND ID", "keep KIND ID", "drop", "fork".
func workHistory(j *kerneltest.Job) {
	admin := kernel.NewAdmin()
	var drop []func()
	j.Ready()
	for {
		words := strings.Fields(j.Wait())
		switch words[0] {
		case "make":
			j.Ready(makePast(j, admin, schema.Kind(words[1]), uint32(wordNumber(j, words[2])), words[3]))
		case "use", "keep":
			release := usePast(j, admin, schema.Kind(words[1]), words[2])
			if words[0] == "keep" {
				drop = append(drop, release)
			} else {
				release()
			}
			j.Ready()
		case "drop":
			for _, release := range drop {
				release()
			}
			drop = nil
			j.Ready()
		case "fork":
			j.Ready(forkSleeper(j))
		}
	}
}

func wordNumber(j *kerneltest.Job, word string) int {
	var n int
	_, err := fmt.Sscan(word, &n)
	j.Check(err)
	return n
}

// makePast makes an object and returns its id or name.
func makePast(j *kerneltest.Job, admin *kernel.Admin, kind schema.Kind, mode uint32, name string) (id any) {
	var err error
	unix.Umask(0)
	switch kind {
	case schema.Shm:
		id, err = admin.ShmGet(sysv.KeyPrivate, 4096, createIPC|int(mode))
	case schema.Sem:
		id, err = admin.SemGet(sysv.KeyPrivate, 1, createIPC|int(mode))
	case schema.Msg:
		id, err = admin.MsgGet(sysv.KeyPrivate, createIPC|int(mode))
	case schema.PShm:
		id, err = name, admin.PosixShmCreate(name, 4096, mode)
	case schema.PMsg:
		id, err = name, admin.PosixMsgCreate(name, mode)
	}
	j.Check(err)
	return id
}

// usePast begins a use of an object. release ends the use.
func usePast(j *kerneltest.Job, admin *kernel.Admin, kind schema.Kind, id string) (release func()) {
	release = func() {}
	switch kind {
	case schema.Shm:
		data, err := admin.ShmAttach(wordNumber(j, id), false)
		j.Check(err)
		release = func() { j.Check(admin.ShmDetach(data)) }
	case schema.Sem:
		j.Check(admin.SemOp(wordNumber(j, id), []sysv.SemOp{{Op: 1}}, -1))
	case schema.Msg:
		j.Check(admin.MsgSend(wordNumber(j, id), 1, []byte("x"), 0))
	case schema.PShm, schema.PMsg:
		open := admin.ShmOpen
		if kind == schema.PMsg {
			open = func(name string, flags int, mode uint32) (int,
				error) {
				return admin.MqOpen(name, flags, mode, nil)
			}
		}
		fd, err := open(id, unix.O_RDWR, 0)
		j.Check(err)
		release = func() { j.Check(unix.Close(fd)) }
	}
	return release
}

// living lists the actors that have not ended and pass the test.
func (h *history) living(pass func(*pastActor) bool) []*pastActor {
	var list []*pastActor
	for _, a := range h.actors {
		if !a.ended && (pass == nil || pass(a)) {
			list = append(list, a)
		}
	}
	return list
}

func (h *history) pick(list []*pastActor) *pastActor {
	if len(list) == 0 {
		return nil
	}
	return list[h.rnd.IntN(len(list))]
}

func (h *history) tell(format string, args ...any) {
	h.told = append(h.told, fmt.Sprintf(format, args...))
}

// act does one random step.
func (h *history) act() {
	h.step++
	worker := h.pick(h.living(func(a *pastActor) bool { return a.worker != nil }))
	switch dice := h.rnd.IntN(20); {
	case worker == nil || dice < 3 && len(h.living(nil)) < 4:
		h.start()
	case len(h.objects) == 0 || dice < 6 && len(h.objects) < 3:
		h.makeObject(worker)
	case dice < 8:
		h.fork(worker)
	case dice < 11:
		h.end(h.pick(h.living(nil)))
	case dice < 12:
		worker.ask("drop")
		h.tell("%d drops what it has", worker.pid)
		for _, o := range h.objects {
			if o.has[worker] && o.kind == schema.Shm {
				o.used = h.step
			}
			delete(o.has, worker)
		}
	case dice < 14:
		h.pass(h.objects[h.rnd.IntN(len(h.objects))])
	default:
		h.use(h.objects[h.rnd.IntN(len(h.objects))])
	}
}

// rest waits until a process that starts now is younger than every last use, beyond doubt. Then some processes fork,
// and most of the older ones end. So the forked ones know objects that were last used before their start.
func (h *history) rest() {
	last := time.Now()
	kerneltest.Eventually(h, "the end of the doubt", func() bool { return time.Since(last) > proc.StartDoubt })
	h.step++
	h.tell("time passes")
	for _, a := range h.living(func(a *pastActor) bool { return a.worker != nil }) {
		for range h.rnd.IntN(3) {
			h.fork(a)
		}
		if h.rnd.IntN(4) > 0 {
			h.end(a)
		}
	}
}

func (h *history) fork(parent *pastActor) {
	child := &pastActor{pid: atoi(h, parent.ask("fork")[0]), uid: parent.uid, born: h.step}
	h.actors = append(h.actors, child)
	h.tell("%d forks %d", parent.pid, child.pid)
	for _, o := range h.objects {
		o.knows[child] = o.knows[parent]
		if o.has[parent] {
			o.has[child] = true
		}
	}
}

func (a *pastActor) ask(line string) []string {
	a.worker.Say(line)
	return a.worker.Read()
}

func (h *history) start() {
	a := &pastActor{uid: h.users[h.rnd.IntN(len(h.users))], born: h.step}
	var who *syscall.Credential
	if a.uid != 0 {
		who = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.uid)}
	}
	a.worker = kerneltest.StartAs(h, who, "history")
	a.pid = a.worker.PID
	h.actors = append(h.actors, a)
	h.tell("%d starts as uid %d", a.pid, a.uid)
}

func (h *history) makeObject(a *pastActor) {
	kinds := historyKinds()
	o := &pastObject{kind: kinds[h.rnd.IntN(len(kinds))], owner: a.uid, shared: h.rnd.IntN(2) == 0, used: h.step,
		knows: map[*pastActor]bool{a: true}, has: map[*pastActor]bool{}}
	mode := 0o600
	if o.shared {
		mode = 0o666
	}
	o.id = a.ask(fmt.Sprintf("make %s %d /history-%d", o.kind, mode, h.step))[0]
	h.objects = append(h.objects, o)
	h.tell("%d makes %s, mode %o", a.pid, o.ref(), mode)
}

// pass lets a process that knows the object tell another one of it. Only processes of the owner that are older than the
// last use are told. Others that somebody told leave no trace: a younger one, or one of another user who may use the
// object. The manual says so.
func (h *history) pass(o *pastObject) {
	from := h.pick(h.living(func(a *pastActor) bool { return o.knows[a] }))
	to := h.pick(h.living(func(a *pastActor) bool { return a.born < o.used && !o.knows[a] && a.uid == o.owner }))
	if from != nil && to != nil {
		o.knows[to] = true
		h.tell("%d tells %d of %s", from.pid, to.pid, o.ref())
	}
}

func (h *history) use(o *pastObject) {
	a := h.pick(h.living(func(a *pastActor) bool { return a.worker != nil && o.knows[a] && o.may(a) }))
	if a == nil {
		return
	}
	verb := "use"
	if h.rnd.IntN(3) == 0 && (o.kind == schema.Shm || !o.kind.SysV()) {
		verb = "keep"
		o.has[a] = true
	}
	a.ask(fmt.Sprintf("%s %s %s", verb, o.kind, o.id))
	h.tell("%d: %s %s", a.pid, verb, o.ref())
	if o.kind.SysV() {
		o.used = h.step
	}
}

func (h *history) end(a *pastActor) {
	if a.worker != nil {
		a.worker.Kill()
	} else {
		h.check(unix.Kill(a.pid, unix.SIGKILL))
		kerneltest.Eventually(h, "its end", func() bool { return unix.Kill(a.pid, 0) != nil || zombie(a.pid) })
	}
	a.ended = true
	h.tell("%d ends", a.pid)
	for _, o := range h.objects {
		if o.has[a] && o.kind == schema.Shm {
			o.used = h.step
		}
		delete(o.has, a)
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// verdict is the only right verdict, or "" if several are right. orphan tells whether "orphan" is one of them.
func (h *history) verdict(o *pastObject) (only relate.Leak, orphan bool) {
	switch {
	case len(h.living(func(a *pastActor) bool { return o.has[a] })) > 0:
		return relate.Live, false
	case len(h.living(func(a *pastActor) bool { return o.knows[a] && o.may(a) })) > 0:
		return "", false
	case len(h.living(nil)) == 0:
		return relate.Orphan, true
	}
	return "", true
}

// judge compares the verdicts with the truth. It returns how many objects are orphans in truth, and how many of them
// have that verdict.
func (h *history) judge() (orphans, found int) {
	h.now = time.Now().Add(time.Hour)
	verdicts := map[schema.Kind]map[string]relate.Judgement{}
	for _, o := range h.objects {
		if verdicts[o.kind] == nil {
			verdicts[o.kind] = h.verdicts(o.kind)
		}
		got := verdicts[o.kind][o.ref()]
		only, orphan := h.verdict(o)
		// The adjustments of SEM_UNDO say who uses a set. A reader who may not read them cannot judge it.
		if o.kind == schema.Sem && got.Verdict == relate.Unknown && !h.undoRead {
			only = ""
		}
		if only != "" && got.Verdict != only || got.Verdict == relate.Orphan && !orphan || got.Verdict == "" {
			h.Errorf("%s is called %q, want %q: %q\nafter %s", o.ref(), got.Verdict, only, got.Reasons,
				strings.Join(h.told, "; "))
		}
		if orphan {
			orphans++
			if got.Verdict == relate.Orphan {
				found++
			}
		}
	}
	return orphans, found
}

// clear ends all actors and removes all objects.
func (h *history) clear() {
	for _, a := range h.living(nil) {
		h.end(a)
	}
	for _, o := range h.objects {
		switch o.kind {
		case schema.Shm:
			h.check(h.admin.ShmRemove(atoi(h, o.id)))
		case schema.Sem:
			h.check(h.admin.SemRemove(atoi(h, o.id)))
		case schema.Msg:
			h.check(h.admin.MsgRemove(atoi(h, o.id)))
		case schema.PShm:
			h.check(h.admin.PosixShmRemove(o.id))
		case schema.PMsg:
			h.check(h.admin.PosixMsgRemove(o.id))
		}
	}
	h.actors, h.objects, h.told = nil, nil, nil
}

// No living process knows an orphan. A process that has an object makes it live.
func TestVerdictsOfRandomHistories(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := &history{sysvScene: newSysVScene(t), rnd: kerneltest.Random(t), users: []int{0},
			undoRead: undoProof(t) == schema.Observed}
		if os.Getuid() == 0 && mayBecome(1234) {
			h.users = []int{0, 1234, 1235}
		}
		judged, orphans, found := 0, 0, 0
		for round := range kerneltest.Rounds(50, 1000) {
			for range 4 + h.rnd.IntN(12) {
				h.act()
			}
			if round%10 == 0 {
				h.rest()
			}
			// The end of the rest makes all of them orphans.
			for _, last := range []bool{false, true} {
				if last {
					for _, a := range slices.Clone(h.living(nil)) {
						h.end(a)
					}
				}
				o, f := h.judge()
				judged, orphans, found = judged+len(h.objects), orphans+o, found+f
			}
			h.clear()
			if t.Failed() {
				return
			}
		}
		t.Logf("%d verdicts; %d of %d true orphans were found", judged, found, orphans)
	})
}
