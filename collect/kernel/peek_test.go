package kernel_test

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestPeekMessages(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h, a := open(t), kernel.NewAdmin()
		id := must(a.MsgGet(1, create|0o600))(t)
		long := strings.Repeat("l", 8192)
		for i, text := range []string{"one\x1b", "", long} {
			ok(t, a.MsgSend(id, int64(i+7), []byte(text), 0))
		}
		before := must(h.MsgStat(id))(t)
		got := must(h.PeekMessages(id, 0, 10, 5))(t)
		want := []kernel.PeekedMessage{{0, 7, 4, []byte("one\x1b"), false}, {1, 8, 0, nil, false}, {2, 9, 8192, []byte("lllll"), false}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(want[1:2], must(h.PeekMessages(id, 1, 1, 5))(t)); diff != "" {
			t.Errorf("from 1, one of them (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, must(h.MsgStat(id))(t)); diff != "" {
			t.Errorf("peeking changed the queue:\n%s", diff)
		}
		if err := os.WriteFile("/proc/sys/kernel/msgmax", []byte("100"), 0o644); err == nil { // not an ordinary user's before Linux 6.10
			want[2] = kernel.PeekedMessage{Index: 2, TooLong: true}
			if diff := cmp.Diff(want, must(h.PeekMessages(id, 0, 10, 5))(t)); diff != "" {
				t.Errorf("a message beyond msgmax (-want +got):\n%s", diff)
			}
		} else if os.Getuid() == 0 {
			t.Error(err)
		}
		if _, err := h.PeekMessages(id+32768, 0, 1, 1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no queue: %v", err)
		}
	})
}

// workPeek tries to peek as another user.
func workPeek(j *kerneltest.Job) {
	h, err := kernel.Open("")
	j.Check(err)
	queues, err := h.MsgQueues(false)
	j.Check(err)
	_, err = h.PeekMessages(queues[0].ID, 0, 1, 1)
	j.Ready(errors.Is(err, syscall.EACCES))
}

func TestPeekTakesReadPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	kerneltest.InNamespace(t, func() {
		must(kernel.NewAdmin().MsgGet(1, create|0o600))(t)
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "peek")
		if diff := cmp.Diff([]string{"true"}, w.Words); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReadMapped(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: map_files are for those who may checkpoint")
	}
	kerneltest.InNamespace(t, func() {
		h, a := open(t), kernel.NewAdmin()
		id := must(a.ShmGet(1, 3*kernel.PageSize(), create|0o600))(t)
		w := kerneltest.Start(t, "attach", strconv.Itoa(id))
		dir := must(h.OpenProc(w.PID))(t)
		defer dir.Close()
		maps := must(dir.SharedMaps(make([]byte, 64<<10)))(t)
		if len(maps) != 1 {
			t.Fatalf("maps %+v", maps)
		}
		before, all := must(h.ShmStat(id))(t), must(h.ShmSegments(true))(t)
		buf := make([]byte, 4*kernel.PageSize())
		n := must(dir.ReadMapped(maps[0], 0, buf))(t)
		if n != int(3*kernel.PageSize()) || buf[0] != 1 || buf[kernel.PageSize()] != 0 {
			t.Errorf("read %d bytes, %d first", n, buf[0])
		}
		if diff := cmp.Diff(before, must(h.ShmStat(id))(t)); diff != "" {
			t.Errorf("reading changed the segment:\n%s", diff)
		}
		if diff := cmp.Diff(all, must(h.ShmSegments(true))(t)); diff != "" {
			t.Errorf("reading made pages:\n%s", diff)
		}
		w.Finish()
		if _, err := dir.ReadMapped(maps[0], 0, buf); !kernel.Gone(err) {
			t.Errorf("after its end: %v", err)
		}
	})
}
