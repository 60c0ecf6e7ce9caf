package kernel_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// seen is what a user gets to see of one object of each kind.
type seen struct {
	Msg []kernel.MsgQueue
	Sem []kernel.SemSet
	Shm []kernel.ShmSegment

	ValuesDenied, WaitersDenied                       bool
	MsgRemoveDenied, SemRemoveDenied, ShmRemoveDenied bool
}

// workLists looks at queue, set and segment with the rights that it has: three ids.
func workLists(j *kerneltest.Job) {
	var id [3]int
	for i := range id {
		var err error
		id[i], err = strconv.Atoi(j.Args[i])
		j.Check(err)
	}
	h, err := kernel.Open("")
	j.Check(err)
	var s seen
	s.Msg, err = h.MsgQueues(true)
	j.Check(err)
	s.Sem, err = h.SemSets()
	j.Check(err)
	s.Shm, err = h.ShmSegments(false)
	j.Check(err)
	_, err = h.MsgStat(id[0])
	j.Check(err)
	_, err = h.SemStat(id[1])
	j.Check(err)
	_, err = h.ShmStat(id[2])
	j.Check(err)
	_, err = h.SemValues(id[1], 1)
	s.ValuesDenied = sys.Denied(err) && errors.Is(err, syscall.EACCES)
	_, _, err = h.SemWaiters(id[1], 1)
	s.WaitersDenied = sys.Denied(err) && errors.Is(err, syscall.EACCES)
	a := kernel.NewAdmin()
	s.MsgRemoveDenied = errors.Is(a.MsgRemove(id[0]), syscall.EPERM)
	s.SemRemoveDenied = errors.Is(a.SemRemove(id[1]), syscall.EPERM)
	s.ShmRemoveDenied = errors.Is(a.ShmRemove(id[2]), syscall.EPERM)
	text, err := json.Marshal(s)
	j.Check(err)
	j.Ready(string(text))
}

// An ordinary user sees foreign objects that he may not read, and is refused their values and their removal.
func TestForeignObjects(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	kerneltest.InNamespace(t, func() {
		h, a := open(t), kernel.NewAdmin()
		queue := must(a.MsgGet(1, create|0o600))(t)
		set := must(a.SemGet(1, 1, create|0o600))(t)
		segment := must(a.ShmGet(1, 1, create|0o600))(t)
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "lists",
			fmt.Sprint(queue), fmt.Sprint(set), fmt.Sprint(segment))
		var got seen
		ok(t, json.Unmarshal([]byte(strings.Join(w.Words, " ")), &got))
		want := seen{
			Msg: must(h.MsgQueues(true))(t), Sem: must(h.SemSets())(t), Shm: must(h.ShmSegments(false))(t),
			ValuesDenied: true, WaitersDenied: true,
			MsgRemoveDenied: true, SemRemoveDenied: true, ShmRemoveDenied: true,
		}
		if len(want.Msg)+len(want.Sem)+len(want.Shm) != 3 {
			t.Fatalf("root sees %v", want)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
