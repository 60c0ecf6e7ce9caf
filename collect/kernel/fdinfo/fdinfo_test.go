package fdinfo

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// Texts of Linux 6.18 in /proc/PID/fdinfo/N.
const (
	eventfdInfo = "pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t1038\neventfd-count:               1f\neventfd-id: " +
		"5\neventfd-semaphore: 1\n"
	signalfdInfo = "pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t1038\nsigmask:\t0000010000004200\n"
	timerfdInfo  = "pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t1038\nclockid: 1\nticks: 3\nsettime flags: 01\nit_value: " +
		"(99, 994642125)\nit_interval: (5, 0)\n"
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
	for _, bad := range []string{"", "eventfd-count:\n", "eventfd-count: x\n", "eventfd-count: 1", "eventfd-count 1\n",
		"xeventfd-count: 1\n"} {
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
	want := TimerFD{Clock: unix.CLOCK_MONOTONIC, Ticks: 3, Flags: 1, Remaining: 99*time.Second + 994642125,
		Interval: 5 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	got, err = ParseTimerFD([]byte(strings.Replace(timerfdInfo, "(99,", "(9223372036854775807,", 1)))
	if want.Remaining = math.MaxInt64; got != want || err != nil {
		t.Errorf("%+v, %v: want the longest time that a Duration holds", got, err)
	}
	for _, bad := range []string{"", strings.Replace(timerfdInfo, "it_value", "value", 1),
		strings.Replace(timerfdInfo, "99, 994642125)", "99, 1000000000)", 1),
		strings.Replace(timerfdInfo, "(5, 0)\n", "(5, 0", 1), strings.Replace(timerfdInfo, "(5", "(-5", 1),
		strings.Replace(timerfdInfo, "clockid: 1", "clockid: -1", 1)} {
		if got, err := ParseTimerFD([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

// For any text the parsers return a whole value or refuse it.
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
		Flags(text)
	})
}

// Texts of Linux 6.18 for the kinds with lists and rings.
const (
	epollInfo = "pos:\t0\nino:\t1038\ntfd:        3 events:       19 data:                3  pos:0 ino:40e " +
		"sdev:10\ntfd:       15 events: 80002005 data:         ff00000003  pos:0 ino:110328 sdev:fe00001\n"
	inotifyInfo = "pos:\t0\nino:\t1038\ninotify wd:1f ino:3c4a3 sdev:fe00000 mask:2 ignored_mask:0 fhandle-bytes:8 " +
		"fhandle-type:1 f_handle:a3c4030000000000\ninotify wd:1 ino:2 sdev:1b mask:80000300 ignored_mask:0 \n"
	pidfdInfo   = "pos:\t0\nino:\t2\nPid:\t812\nNSpid:\t812\t7\n"
	iouringInfo = "ino:\t1114921\nSqMask:\t0x7\nSqHead:\t4294967295\nSqTail:\t2\nCachedSqHead:\t1\nCqMask:\t0xf\n" +
		"CqHead:\t4\nCqTail:\t9\nCachedCqTail:\t9\nSQEs:\t3\nCQEs:\t5\n" +
		"SqThread:\t-1\nSqThreadCpu:\t-1\nUserFiles:\t2\nUserBufs:\t1\nPollList:\nCqOverflowList:\n"
)

func TestParseEpoll(t *testing.T) {
	want := []EpollTarget{
		{FD: 3, Events: 0x19, Ino: 0x40e, Dev: unix.Mkdev(0, 0x10), HasFile: true},
		{FD: 15, Events: 0x80002005, Ino: 0x110328, Dev: unix.Mkdev(0xfe, 1), HasFile: true},
	}
	if diff := cmp.Diff(want, ParseEpoll([]byte(epollInfo+"tfd:        4 events:"))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]EpollTarget{{FD: 9, Events: 1}},
		ParseEpoll([]byte("tfd:        9 events:        1 data: 0\ntfd: x\n"))); diff != "" {
		t.Error("a kernel before 4.18", diff)
	}
}

func TestParseInotify(t *testing.T) {
	want := []InotifyWatch{{WD: 31, Ino: 0x3c4a3, Dev: unix.Mkdev(0xfe, 0), Mask: 2},
		{WD: 1, Ino: 2, Dev: unix.Mkdev(0, 0x1b), Mask: 0x80000300}}
	if diff := cmp.Diff(want, ParseInotify([]byte(inotifyInfo+"inotify wd:3 ino:"))); diff != "" {
		t.Error(diff)
	}
}

func TestParsePidFD(t *testing.T) {
	for text, want := range map[string]PidFD{pidfdInfo: {812, []int{812, 7}}, "Pid:\t-1\nNSpid:\t-1\n": {-1, []int{-1}},
		"Pid:\t0\n": {}} {
		got, err := ParsePidFD([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(text, err, diff)
		}
	}
	for _, bad := range []string{"", "Pid:\n", "Pid:\tx\n", "Pid:\t1", "Pid:\t1\nNSpid:\tx\n", "Pid:\t-2\n"} {
		if got, err := ParsePidFD([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

func TestParseIOUring(t *testing.T) {
	got, err := ParseIOUring([]byte(iouringInfo))
	want := IOUring{SQEntries: 8, CQEntries: 16, SQPending: 3, CQPending: 5, SQThread: -1, UserFiles: 2, UserBufs: 1}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if got, err := ParseIOUring([]byte(strings.Replace(iouringInfo, "CqTail", "Tail", 1))); err == nil {
		t.Errorf("read as %+v", got)
	}
}

func TestParseTTYIndex(t *testing.T) {
	if n, err := ParseTTYIndex([]byte("pos:\t0\nino:\t91\ntty-index:\t12\n")); n != 12 || err != nil {
		t.Error(n, err)
	}
	for _, bad := range []string{"", "tty-index:\t-1\n", "tty-index:\t1", "tty-index:\t4294967296\n"} {
		if n, err := ParseTTYIndex([]byte(bad)); err == nil {
			t.Errorf("%q is read as %d", bad, n)
		}
	}
}

func FuzzFDInfoLists(f *testing.F) {
	for _, seed := range []string{epollInfo, inotifyInfo, pidfdInfo, iouringInfo} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := strings.Count(string(text), "\n")
		for _, e := range ParseEpoll(text) {
			if lines--; e.FD < 0 || lines < 0 || !e.HasFile && (e.Ino != 0 || e.Dev != 0) {
				t.Errorf("%+v", e)
			}
		}
		if n := len(ParseInotify(text)); n > strings.Count(string(text), "inotify ") {
			t.Errorf("%d watches", n)
		}
		if p, err := ParsePidFD(text); err != nil && (p.PID != 0 || p.NSPID != nil) {
			t.Errorf("an error with %+v", p)
		}
		if u, err := ParseIOUring(text); err != nil && u != (IOUring{}) {
			t.Errorf("an error with %+v", u)
		}
	})
}
