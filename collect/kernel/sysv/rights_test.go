package sysv_test

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

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// seen is one user's view of one object of each kind.
type seen struct {
	Msg []sysv.MsgQueue
	Sem []sysv.SemSet
	Shm []sysv.ShmSegment

	ValuesDenied, WaitersDenied                       bool
	MsgRemoveDenied, SemRemoveDenied, ShmRemoveDenied bool
}

// workLists reads the queue, set and segment with its own rights. Its arguments are the three ids.
func workLists(j *kerneltest.Job) {
	var err error
	var id [3]int
	for i := range id {
		id[i], err = strconv.Atoi(j.Args[i])
		j.Check(err)
	}
	h := sys.Root("")
	var s seen
	s.Msg, err = sysv.MsgQueues(h, true)
	j.Check(err)
	s.Sem, err = sysv.SemSets(h)
	j.Check(err)
	s.Shm, err = sysv.ShmSegments(h, false)
	j.Check(err)
	_, err = sysv.MsgStat(h, id[0])
	j.Check(err)
	_, err = sysv.SemStat(h, id[1])
	j.Check(err)
	_, err = sysv.ShmStat(h, id[2])
	j.Check(err)
	_, err = sysv.SemValues(h, id[1], 1)
	s.ValuesDenied = sys.Denied(err) && errors.Is(err, syscall.EACCES)
	_, _, err = sysv.SemWaiters(h, id[1], 1)
	s.WaitersDenied = sys.Denied(err) && errors.Is(err, syscall.EACCES)
	s.MsgRemoveDenied = errors.Is(sysv.MsgRemove(id[0]), syscall.EPERM)
	s.SemRemoveDenied = errors.Is(sysv.SemRemove(id[1]), syscall.EPERM)
	s.ShmRemoveDenied = errors.Is(sysv.ShmRemove(id[2]), syscall.EPERM)
	text, err := json.Marshal(s)
	j.Check(err)
	j.Ready(string(text))
}

// An ordinary user sees other users' objects that he may not read. He may not read their values or remove them.
func TestForeignObjects(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		queue := kerneltest.Must(sysv.MsgGet(1, create|0o600))(t)
		set := kerneltest.Must(sysv.SemGet(1, 1, create|0o600))(t)
		segment := kerneltest.Must(sysv.ShmGet(1, 1, create|0o600))(t)
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "lists",
			fmt.Sprint(queue), fmt.Sprint(set), fmt.Sprint(segment))
		var got seen
		kerneltest.OK(t, json.Unmarshal([]byte(strings.Join(w.Words, " ")), &got))
		want := seen{
			Msg: kerneltest.Must(sysv.MsgQueues(h, true))(t), Sem: kerneltest.Must(sysv.SemSets(h))(t),
			Shm:          kerneltest.Must(sysv.ShmSegments(h, false))(t),
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
