package utillinux

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// outcome is the result of a command line, and the objects that it left.
type outcome struct {
	Result result
	Left   []string
}

// sameChange runs a command line through util-linux and through ours, both on the same objects. It compares the outputs
// and the objects that are left.
func sameChange(t *testing.T, argv ...string) {
	t.Helper()
	onFixed(t)
	want := theirs(t, argv...)
	wantLeft := left(t)
	onFixed(t)
	if diff := cmp.Diff(outcome{want, wantLeft}, outcome{ours(argv...), left(t)}); diff != "" {
		t.Fatalf("%q differs from util-linux (-theirs +ours):\n%s", argv, diff)
	}
}

// onFixed removes all objects and makes three of each kind, with the ids 0, 1 and 32770 and the keys 0x10, 0x11 and
// 0xfffffff2. The next object of each kind gets the id 77.
func onFixed(t testing.TB) {
	t.Helper()
	wipe(t)
	a := kernel.NewAdmin()
	for i, id := range []int{0, 1, 32770} {
		for kind, create := range map[string]func(key uint32) (int, error){
			"msg": func(key uint32) (int, error) { return a.MsgGet(key, sysv.IPCCreat|0o644) },
			"sem": func(key uint32) (int, error) { return a.SemGet(key, 2, sysv.IPCCreat|0o604) },
			"shm": func(key uint32) (int, error) { return a.ShmGet(key, 4096, sysv.IPCCreat|0o640) },
		} {
			sysctl(t, kind+"_next_id", strconv.Itoa(id)) // takes CONFIG_CHECKPOINT_RESTORE: every distribution has it
			got, err := create([]uint32{0x10, 0x11, 0xfffffff2}[i])
			check(t, err)
			if got != id {
				t.Fatalf("%s has id %d, want %d", kind, got, id)
			}
			sysctl(t, kind+"_next_id", "77")
		}
	}
}

// wipe removes every System V object of the test's namespace.
func wipe(t testing.TB) {
	t.Helper()
	h, a := must(kernel.Open(""))(t), kernel.NewAdmin()
	for _, q := range must(h.MsgQueues(false))(t) {
		check(t, a.MsgRemove(q.ID))
	}
	for _, s := range must(h.SemSets())(t) {
		check(t, a.SemRemove(s.ID))
	}
	for _, m := range must(h.ShmSegments(false))(t) {
		check(t, a.ShmRemove(m.ID))
	}
}

// left lists the System V objects of the test's namespace, without random keys and times.
func left(t testing.TB) []string {
	t.Helper()
	h := must(kernel.Open(""))(t)
	var all []string
	for _, q := range must(h.MsgQueues(false))(t) {
		all = append(all, fmt.Sprintf("msg %d %o", q.ID, q.Mode))
	}
	for _, s := range must(h.SemSets())(t) {
		all = append(all, fmt.Sprintf("sem %d %o %d", s.ID, s.Mode, s.NSems))
	}
	for _, m := range must(h.ShmSegments(false))(t) {
		all = append(all, fmt.Sprintf("shm %d %o %d", m.ID, m.Mode, m.Size))
	}
	return all
}
