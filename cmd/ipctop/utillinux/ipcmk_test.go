package utillinux

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func sorted() cmp.Option { return cmpopts.SortSlices(func(a, b string) bool { return a < b }) }

// posixLeft names the POSIX message queues, with a slash, and the files of /dev/shm.
func posixLeft(t testing.TB) []string {
	t.Helper()
	var names []string
	for dir, slash := range map[string]string{"/dev/mqueue": "/", "/dev/shm": ""} {
		for _, e := range must(os.ReadDir(dir))(t) {
			names = append(names, slash+e.Name())
		}
	}
	return names
}

func TestIpcmkLikeUtilLinux(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		for _, line := range []string{
			"", "-Q", "-S 3", "-M 4096", "-Q -S 2 -M 3", "-S 2 -Q -Q", "-M 1 -M 5000", "-Q foo", "foo", "-M 1K -p 600",
			"-p 600 -M 1K", "-p 777 -Q", "-p 0 -S 1",
			"-p abc -Q", "-p 8 -Q", "-p 64x -Q", "-p 99999999999999999999999 -Q", "-p 7777 -Q", "-p -1 -Q",
			"-p +644 -Q", "-p 1644 -M 10", "-p 0x1 -Q", "-p 644",
			"-M 0", "-S 0", "-S -1", "-S 32001", "-S 32000", "-S abc", "-S 3x", "-S 0x3", "-S 99999999999",
			"-M abc", "-M -5", "-M -", "-M +5", "-M 16E", "-M 15E",
			"-M 99999999999999999999999999", "-M 18446744073709551615", "-M 18446744073709551616",
			"-z", "-M", "-S", "-p", "--sh 10", "--s 10", "--queue", "--que --mode=600", "--queue=1", "--shmem=2MiB",
			"--mode", "--", "-- -Q",
		} {
			sameChange(t, append([]string{"ipcmk"}, words(line)...)...)
		}
		sameChange(t, "ipcmk", "-M", "")
		sameChange(t, "ipcmk", "-M", " 5")
		sameChange(t, "ipcmk", "-M", "5 ")
		sameChange(t, "ipcmk", "-S", " 5")
		sameChange(t, "ipcmk", "-p", "", "-Q")
	})
}

// A size can be written in many ways.
func TestIpcmkSizes(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		rnd := kerneltest.Random(t)
		sizes := words("0x10 0x10K 010 010K 08 0x 0xg 1e 1e3 1E 0E 0Y 1Y 1Z 1Q K 5B 5iB 5b 2KB 2kb 2kib 2KIB 2Kib " +
			"2kiB 2KiBx 2Ki 2kB 2.K 1. 1.5 .5K 1.5K 1.7K 1.3K 1.10K 1.100K 0.5M 0.05M 1.05K 1.50K 1.500K 1.999K " +
			"1.0K 1.5KB 1.5KiB 1.5b 1.5.5K 1.-5K 1.0x5K 1.08K 1.00008M 1,5K")
		pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
		for range 200 {
			sizes = append(sizes, fmt.Sprintf("%d%s%s", rnd.IntN(3000),
				pick("", fmt.Sprintf(".%d", rnd.IntN(2000)), fmt.Sprintf(".0%d", rnd.IntN(200))),
				pick("", "K", "k", "KB", "KiB", "M", "MB", "m")))
		}
		for _, size := range sizes {
			sameChange(t, "ipcmk", "-M", size)
		}
	})
}

// A text with two points is no size. util-linux accepts it.
func TestIpcmkRefuses(t *testing.T) {
	want := result{"", "ipcmk: failed to parse size: '1..5K': Invalid argument\n", 1}
	if diff := cmp.Diff(want, ours("ipcmk", "-M", "1..5K")); diff != "" {
		t.Error(diff)
	}
}

func TestIpcmkPosix(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.Mqueue(t)
		unix.Umask(0o022)
		const try = "Try 'ipcmk --help' for more information.\n"
		for _, c := range []struct {
			line string
			want result
		}{
			{"-m 5000 -n seg", result{"POSIX shared memory name: seg\n", "", 0}},
			{"-m 4K --name=/rooted -p 666", result{"POSIX shared memory name: /rooted\n", "", 0}},
			{"-q -n /queue", result{"POSIX message queue name: /queue\n", "", 0}},
			{"-s -n gate -p 600", result{"POSIX semaphore name: gate\n", "", 0}},
			{"-s -q -m 1 -n /all", result{"POSIX shared memory name: /all\nPOSIX message queue name: /all\n" +
				"POSIX semaphore name: /all\n", "", 0}},
			// Ours takes no existing segment. util-linux cuts it to the new size.
			{"-m 1 -n seg", result{"", "ipcmk: create POSIX shared memory failed: File exists\n", 1}},
			{"--posix-mqueue -n /queue", result{"", "ipcmk: create POSIX message queue failed: File exists\n", 1}},
			{"--posix-semaphore -n gate", result{"", "ipcmk: create POSIX semaphore failed: File exists\n", 1}},
			{"-q -n noslash", result{"", "ipcmk: create POSIX message queue failed: Invalid argument\n", 1}},
			{"-m 1 -n a/b", result{"", "ipcmk: create POSIX shared memory failed: Invalid argument\n", 1}},
			{"-m 18446744073709551615 -n big", result{"", "ipcmk: create POSIX shared memory failed: " +
				"Invalid argument\n", 1}},
			{"-m 1", result{"", "ipcmk: name is required for POSIX IPC\n" + try, 1}},
			{"-s", result{"", "ipcmk: name is required for POSIX IPC\n" + try, 1}},
			{"-n name", result{"", "ipcmk: bad usage\n" + try, 1}},
			{"-m x -n name", result{"", "ipcmk: failed to parse size: 'x': Invalid argument\n", 1}},
		} {
			if diff := cmp.Diff(c.want, ours(append([]string{"ipcmk"}, words(c.line)...)...)); diff != "" {
				t.Errorf("%s: %s", c.line, diff)
			}
		}
		if diff := cmp.Diff([]string{"/all", "/queue", "all", "rooted", "seg", "sem.all", "sem.gate"}, posixLeft(t),
			sorted()); diff != "" {
			t.Error(diff)
		}
		h := must(kernel.Open(""))(t)
		var got []string
		for _, f := range must(h.PosixShmFiles())(t) {
			got = append(got, fmt.Sprintf("%s %o %d", f.Name, f.Mode, f.Size))
		}
		if diff := cmp.Diff([]string{"all 644 1", "rooted 644 4096", "seg 644 5000"}, got, sorted()); diff != "" {
			t.Error(diff)
		}
	})
}
