package sysv_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

func TestPeekMessages(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		id := kerneltest.Must(sysv.MsgGet(1, create|0o600))(t)
		long := strings.Repeat("l", 8192)
		for i, text := range []string{"one\x1b", "", long} {
			kerneltest.OK(t, sysv.MsgSend(id, int64(i+7), []byte(text), 0))
		}
		before := kerneltest.Must(sysv.MsgStat(h, id))(t)
		got := kerneltest.Must(sysv.PeekMessages(h, id, 0, 10, 5))(t)
		want := []sysv.PeekedMessage{{0, 7, 4, []byte("one\x1b"), false}, {1, 8, 0, nil, false},
			{2, 9, 8192, []byte("lllll"), false}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(want[1:2], kerneltest.Must(sysv.PeekMessages(h, id, 1, 1, 5))(t)); diff != "" {
			t.Errorf("from 1, one of them (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, kerneltest.Must(sysv.MsgStat(h, id))(t)); diff != "" {
			t.Errorf("peeking changed the queue:\n%s", diff)
		}
		// before Linux 6.10 only root may write it
		if err := os.WriteFile("/proc/sys/kernel/msgmax", []byte("100"), 0o644); err == nil {
			want[2] = sysv.PeekedMessage{Index: 2, TooLong: true}
			if diff := cmp.Diff(want, kerneltest.Must(sysv.PeekMessages(h, id, 0, 10, 5))(t)); diff != "" {
				t.Errorf("a message beyond msgmax (-want +got):\n%s", diff)
			}
		} else if os.Getuid() == 0 {
			t.Error(err)
		}
		if _, err := sysv.PeekMessages(h, id+32768, 0, 1, 1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no queue: %v", err)
		}
	})
}

// workPeek tries to peek as another user.
func workPeek(j *kerneltest.Job) {
	h := sys.Root("")
	queues, err := sysv.MsgQueues(h, false)
	j.Check(err)
	_, err = sysv.PeekMessages(h, queues[0].ID, 0, 1, 1)
	j.Ready(errors.Is(err, syscall.EACCES))
}

func TestPeekNeedsReadPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	kerneltest.InNamespace(t, func() {
		kerneltest.Must(sysv.MsgGet(1, create|0o600))(t)
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "peek")
		if diff := cmp.Diff([]string{"true"}, w.Words); diff != "" {
			t.Error(diff)
		}
	})
}
