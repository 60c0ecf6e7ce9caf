package kernel

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// What Linux 6.18 writes into /proc/PID/fdinfo/N.
const (
	eventfdInfo  = "pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t1038\neventfd-count:               1f\neventfd-id: 5\neventfd-semaphore: 1\n"
	signalfdInfo = "pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t1038\nsigmask:\t0000010000004200\n"
	timerfdInfo  = "pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t1038\nclockid: 1\nticks: 3\nsettime flags: 01\nit_value: (99, 994642125)\nit_interval: (5, 0)\n"
)

func TestParseEventFD(t *testing.T) {
	for text, want := range map[string]EventFD{
		eventfdInfo:                         {Count: 31, ID: 5, HasID: true, Semaphore: true, HasMode: true},
		"eventfd-count: ffffffffffffffff\n": {Count: math.MaxUint64}, // before 5.2
		"eventfd-count: 0\neventfd-id: 0\n": {HasID: true},           // before 6.5
	} {
		got, err := ParseEventFD([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(text, err, diff)
		}
	}
	for _, bad := range []string{"", "eventfd-count:\n", "eventfd-count: x\n", "eventfd-count: 1", "eventfd-count 1\n", "xeventfd-count: 1\n"} {
		if got, err := ParseEventFD([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

func TestParseSignalFD(t *testing.T) {
	got, err := ParseSignalFD([]byte(signalfdInfo))
	if err != nil || got != 0x10000004200 || !got.Has(unix.SIGTERM) {
		t.Error(got, err)
	}
	if got, err := ParseSignalFD([]byte("sigmask:\t00\nsigmask")); err != nil || got != 0 {
		t.Error(got, err)
	}
	if got, err := ParseSignalFD([]byte("sigmask:\tg\n")); err == nil {
		t.Error(got)
	}
}

func TestParseTimerFD(t *testing.T) {
	got, err := ParseTimerFD([]byte(timerfdInfo))
	want := TimerFD{Clock: unix.CLOCK_MONOTONIC, Ticks: 3, Flags: 1, Remaining: 99*time.Second + 994642125, Interval: 5 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	got, err = ParseTimerFD([]byte(strings.Replace(timerfdInfo, "(99,", "(9223372036854775807,", 1)))
	if want.Remaining = math.MaxInt64; got != want || err != nil {
		t.Errorf("%+v, %v: want the longest time that a Duration holds", got, err)
	}
	for _, bad := range []string{"", strings.Replace(timerfdInfo, "it_value", "value", 1), strings.Replace(timerfdInfo, "99, 994642125)", "99, 1000000000)", 1),
		strings.Replace(timerfdInfo, "(5, 0)\n", "(5, 0", 1), strings.Replace(timerfdInfo, "(5", "(-5", 1), strings.Replace(timerfdInfo, "clockid: 1", "clockid: -1", 1)} {
		if got, err := ParseTimerFD([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

// Whatever the text, what is read is whole or refused.
func FuzzFDInfo(f *testing.F) {
	for _, seed := range []string{eventfdInfo, signalfdInfo, timerfdInfo} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if e, err := ParseEventFD(text); err != nil && e != (EventFD{}) {
			t.Errorf("an error with %+v", e)
		}
		if s, err := ParseSignalFD(text); err != nil && s != 0 {
			t.Errorf("an error with %v", s)
		}
		if d, err := ParseTimerFD(text); err != nil && d != (TimerFD{}) || d.Remaining < 0 || d.Interval < 0 {
			t.Errorf("%+v (%v)", d, err)
		}
	})
}

func TestCompareFiles(t *testing.T) {
	pid := unix.Getpid()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	same, err := unix.Dup(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range []int{fds[0], fds[1], same} {
		defer unix.Close(fd)
	}
	if order, err := CompareFiles(pid, fds[0], pid, same); order != 0 || err != nil {
		t.Errorf("a duplicate: %d, %v; want 0", order, err)
	}
	there, err := CompareFiles(pid, fds[0], pid, fds[1])
	back, err2 := CompareFiles(pid, fds[1], pid, fds[0])
	if there == 0 || there != -back || err != nil || err2 != nil {
		t.Errorf("two ends: %d and %d, %v, %v; want an order", there, back, err, err2)
	}
	if _, err := CompareFiles(pid, fds[0], pid, 1<<20); err != unix.EBADF && !strings.Contains(err.Error(), "kcmp") {
		t.Errorf("a closed descriptor: %v", err)
	}
}
