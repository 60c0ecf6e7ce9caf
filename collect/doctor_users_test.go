package collect

import (
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// workFillEventfds makes eventfds until the kernel refuses one.
func workFillEventfds(j *kerneltest.Job) {
	runtime.LockOSThread()
	j.Check(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 60, Max: 60}))
	for n := 0; ; n++ {
		if _, err := unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
			j.Ready(n)
			j.Wait()
		}
	}
}

// The doctor counts what the descriptors of a full table lead to.
func TestDoctorCountsDescriptorsByKind(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.Start(t, "fill-eventfds")
		found := findingsOn(s.examine(), "limit", fmt.Sprintf("proc:%d", w.PID))
		if len(found) != 1 || len(found[0].Evidence) != 1 {
			t.Fatalf("%+v", found)
		}
		// The runtime of the worker may have an eventfd of its own.
		want := regexp.MustCompile(fmt.Sprintf(`^%d/%s has \d+ open, its limit is 60: (\d+) eventfds, `, w.PID,
			regexp.QuoteMeta(s.end(w.PID).Comm)))
		got := want.FindStringSubmatch(found[0].Evidence[0])
		made, err := strconv.Atoi(w.Words[0])
		s.check(err)
		if got == nil || got[1] != w.Words[0] && got[1] != strconv.Itoa(made+1) {
			t.Errorf("want %s eventfds, got %s", w.Words[0], found[0].Evidence[0])
		}
	})
}

// The evidence names every sort of descriptor, and the file that is open most often.
func TestDoctorNamesEverySortOfDescriptor(t *testing.T) {
	t.Parallel()
	m := collecttest.New(t)
	all := map[int]collecttest.FD{}
	add := func(n int, target string) {
		for range n {
			all[len(all)] = collecttest.FD{Target: target}
		}
	}
	add(5, "/var/log/app.log")
	add(1, "/dev/null")
	add(5, "socket:[7]")
	add(4, "anon_inode:[eventpoll]")
	add(3, "anon_inode:inotify")
	add(2, "mnt:[4026531841]")
	add(1, "pipe:[9]")
	add(1, "/memfd:x (deleted)")
	m.Process(collecttest.Process{PID: 9, PPID: 1, Comm: "leaky", FDs: all})
	m.Write("/proc/9/limits", "Limit                     Soft Limit           Hard Limit           Units     \n"+
		"Max open files            22                   4096                 files     \n"+
		"Max msgqueue size         819200               819200               bytes     \n")
	found := findingsOn(examined(t, m).Findings, "limit", "proc:9")
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	want := []string{"9/leaky has 22 open, its limit is 22: 6 files (5 of them /var/log/app.log), 5 sockets, " +
		"4 epoll instances, 3 inotify instances, 2 mnt namespaces, and 2 more"}
	if diff := gocmp.Diff(want, found[0].Evidence); diff != "" {
		t.Error(diff)
	}
}

// The processes with the most watches are named.
func TestDoctorNamesWhoWatches(t *testing.T) {
	t.Parallel()
	m := collecttest.New(t)
	m.Write("/proc/sys/fs/inotify/max_user_watches", "30\n")
	for i, n := range []int{1, 2, 20, 3, 1, 1, 1} {
		m.Process(collecttest.Process{PID: 10 + i, PPID: 1, Comm: fmt.Sprint("w", i), UID: 7,
			FDs:    map[int]collecttest.FD{3: {Target: "anon_inode:inotify"}},
			FDInfo: map[int]string{3: strings.Repeat("inotify wd:1 ino:2 sdev:1b mask:300 ignored_mask:0 \n", n)}})
	}
	found := findingsOn(examined(t, m).Findings, "limit", "")
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	want := []string{"fs.inotify.max_user_watches is 30, in use are 29",
		"counted in the descriptors that could be seen",
		"by process: 12/w2 20, 13/w3 3, 11/w1 2, 10/w0 1, 14/w4 1, and 2 more"}
	if diff := gocmp.Diff(want, found[0].Evidence); diff != "" {
		t.Error(diff)
	}
}

// A process with very many watches is a note, far from the limit, too.
func TestDoctorOnManyWatches(t *testing.T) {
	t.Parallel()
	m := collecttest.New(t)
	watching := func(pid, n int) {
		m.Process(collecttest.Process{PID: pid, PPID: 1, Comm: "code", UID: 7,
			FDs:    map[int]collecttest.FD{3: {Target: "anon_inode:inotify"}},
			FDInfo: map[int]string{3: strings.Repeat("inotify wd:1 ino:2 sdev:1b mask:300 ignored_mask:0 \n", n)}})
	}
	watching(10, 9999)
	if found := findingsOn(examined(t, m).Findings, "watches", ""); len(found) != 0 {
		t.Errorf("9999: %+v", found)
	}
	watching(11, 10000)
	found := findingsOn(examined(t, m).Findings, "watches", "inotify:11/3")
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	if diff := gocmp.Diff([]string{"watches by process: 11/code 10000"}, found[0].Evidence); diff != "" ||
		found[0].Severity != schema.Info {
		t.Errorf("%s%+v", diff, found[0])
	}
}

// Queues of a user without a process count. The limit of the user's next process is a guess.
func TestDoctorCountsQueuesOfUsersWithoutProcesses(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		other := s.otherUser()
		if other == nil {
			t.Skip("needs root: it takes all the bytes of a user's queues, which the tests beside it make queues of")
		}
		kerneltest.StartAs(t, other, "fill-queues").Finish()
		found := findingsOn(s.examine(), "limit", "pmsg:/fill0")
		if len(found) != 1 || len(found[0].Evidence) == 0 {
			t.Fatalf("%+v", found)
		}
		f := found[0]
		s.equal("the finding", []any{schema.Warning, schema.Inferred,
			"the limit of bytes in POSIX queues of user 54321 is reached: mq_open fails with EMFILE"},
			[]any{f.Severity, f.Proof, f.Says})
		used, want := len(f.Refs)*82880, "no process of that user was seen; the next one is taken to get that limit"
		if f.Evidence[2] != want || !strings.Contains(f.Evidence[0], fmt.Sprintf("is 800 KiB, in use are %.1f KiB",
			float64(used)/1024)) {
			t.Errorf("%q", f.Evidence)
		}
	})
}

// A first process of a pid namespace that does not wait for orphans needs an init.
func TestDoctorOnAFirstProcessThatDoesNotReap(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.StartIn(t, unix.CLONE_NEWPID, "zombies", "2")
		var found []schema.Finding
		kerneltest.Eventually(t, "two zombies", func() bool {
			found = findingsOn(s.examine(), "zombies", fmt.Sprintf("proc:%d", w.PID))
			return len(found) == 1 && strings.HasSuffix(found[0].Says, "has not waited for 2 zombies")
		})
		if !strings.HasPrefix(found[0].Advice, "Run the program under an init that waits for orphans") ||
			!strings.HasPrefix(found[0].Evidence[0], "it is pid 1 of its pid namespace") {
			t.Errorf("%+v", found[0])
		}
	})
}
