package utillinux

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// ipcrmLines lists command lines that util-linux and ours answer in the same way.
func ipcrmLines() []string {
	return []string{
		"", "-v", "-q 0", "-m 0 -s 0 -q 0", "-v -m 0 -s 1 -q 32770 -m 99", "-q 0 -v", "-q 0 -q 0", "-q 99",
		"-q -1", "-q +0", "-q 1x", "-q zz",
		"-q 0x0", "-q 010", "-q 4294967297", "-q 2147483648", "-q -2147483649", "-q 99999999999999999999999",
		"-m abc -q 0", "-q 0 -m abc -q 1",
		"-Q 0x10", "-Q 16", "-Q 020", "-Q +0x11", "-Q 0xfffffff2", "-Q 4294967282", "-Q -14", "-M 0x10 -S 0x11 -Q 0x10",
		"-v -M 0x10 -S 0x99 -Q 0x11",
		"-Q 0", "-M 0x0", "-S 00", "-Q zz", "-Q 1x", "-Q 0x", "-Q 08", "-Q -", "-Q 99999999999999999999999",
		"-Q 0x9999", "-Q 0x10 -Q 0x10",
		"-a", "-v -a", "-a -v", "-v --all", "-ashm", "-v -amsg", "-v --all=sem", "-v --al=shm", "-v -a -q 0",
		"-v -ashm -amsg", "-v -asem -a",
		"-afoo", "-a=shm", "--all=", "-avshm", "-a shm -z",
		"shm", "msg 0", "sem 0 1", "shm 0 abc 1", "msg 99", "msg 1 99 0", "sem +0", "sem -1", "sem 0x1", "sem 1x",
		"msg 99999999999999999999999",
		"msg -4294967296000000000000000", "msg -q 0", "msg 0 -v", "MSG 0",
		"-z", "-q", "--queue-id", "--queue 3", "--queue-i", "--shmem-id=0", "--shmem-k 0x10", "--verb --semaphore-i 0",
		"--help=1", "-q 0 -z", "-z -q 0", "--",
		"-vq0", "-vq 0 -m0",
	}
}

func TestIpcrmLikeUtilLinux(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		for _, line := range ipcrmLines() {
			if strings.Contains(line, "-a shm") {
				continue // refused before it removes anything: see below
			}
			sameChange(t, append([]string{"ipcrm"}, words(line)...)...)
		}
		for _, arg := range []string{" 0", "0 ", "", "\t1"} {
			sameChange(t, "ipcrm", "-q", arg)
		}
		for _, arg := range []string{" 0x10", "0x10 "} {
			sameChange(t, "ipcrm", "-Q", arg)
		}
	})
}

// If stdout and stderr are the same pipe, the lines of both programs come in the same order.
func TestIpcrmOneOutput(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		argv := []string{"ipcrm", "-v"}
		for i := range 300 {
			argv = append(argv, "-q", strconv.Itoa(100000+i)) // no queue has such an id
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		want, _ := cmd.CombinedOutput()
		var got bytes.Buffer
		Run(Process{Args: argv, Stdout: &got, Stderr: &got, Getenv: os.Getenv, Version: testVersion, Changes: direct})
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Error(diff)
		}
		// On a terminal each line appears at once.
		got.Reset()
		Run(Process{
			Args: words("ipcrm -v -q 9 -m 9"), Stdout: &got, Stderr: &got, Getenv: os.Getenv, Version: testVersion,
			Changes:  direct,
			Terminal: func() (int, bool) { return 80, true },
		})
		if diff := cmp.Diff(onTerminal(t, 80, 1, words("ipcrm -v -q 9 -m 9")...), got.String()); diff != "" {
			t.Error(diff)
		}
	})
}

// An ordinary user may remove only his own objects, and sees only objects that he may read.
func TestIpcrmWithoutPermission(t *testing.T) {
	needReference(t)
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		onFixed(t)
		for _, line := range []string{"-q 0 -m 0 -s 0", "-Q 0x10 -M 0x10 -S 0x10", "-v -a", "shm 0", "-v -ashm -v"} {
			argv := append([]string{"ipcrm"}, words(line)...)
			asUser(t, 1000, func() { same(t, argv...) })
		}
		if diff := cmp.Diff(9, len(left(t))); diff != "" {
			t.Error(diff)
		}
	})
}

// These differences are on purpose. None of these command lines removes anything.
func TestIpcrmRefuses(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		onFixed(t)
		want := left(t)
		const try = "Try 'ipcrm --help' for more information.\n"
		for _, c := range []struct {
			argv []string
			says string
		}{
			// A stray operand. util-linux finds it after the removal of everything.
			{[]string{"-a", "shm"}, "ipcrm: unknown argument: shm\n" + try},
			{[]string{"--all", "msg"}, "ipcrm: unknown argument: msg\n" + try},
			{[]string{"-q", "0", "1"}, "ipcrm: unknown argument: 1\n" + try},
			{[]string{"-v", "-m", "0", "-s", "0", "--", "-q"}, "ipcrm: unknown argument: -q\n" + try},
			{[]string{"-q", "--", "0"}, "ipcrm: unknown argument: 0\n" + try},
			{[]string{"foo", "-a"}, "ipcrm: unknown argument: foo\n" + try},
			// A key of more than 32 bits. util-linux removes the object with the low 32 bits as its key.
			{[]string{"-Q", "0x100000010"}, "ipcrm: failed to parse argument: '0x100000010': Numerical " +
				"result out of range\n"},
			{[]string{"-M", "4294967312"}, "ipcrm: failed to parse argument: '4294967312': Numerical " +
				"result out of range\n"},
			{[]string{"-S", "-4294967280"}, "ipcrm: failed to parse argument: '-4294967280': Numerical " +
				"result out of range\n"},
			{[]string{"-Q", "18446744073709551615"},
				"ipcrm: failed to parse argument: '18446744073709551615': Numerical result out of range\n"},
			{[]string{"-Q", ""}, "ipcrm: failed to parse argument: ''\n"}, // util-linux adds the text of an old errno
			// The old form. util-linux reads an empty word as 0, and cuts an id to 32 bits.
			{[]string{"shm", ""}, "ipcrm: invalid id: \n"},
			{[]string{"msg", "4294967296"}, "ipcrm: invalid id: 4294967296\n"},
			{[]string{"sem", "-4294967296"}, "ipcrm: invalid id: -4294967296\n"},
		} {
			if diff := cmp.Diff(result{"", c.says, 1}, ours(append([]string{"ipcrm"}, c.argv...)...)); diff != "" {
				t.Errorf("%q: %s", c.argv, diff)
			}
			if diff := cmp.Diff(want, left(t)); diff != "" {
				t.Fatalf("%q removed something: %s", c.argv, diff)
			}
		}
	})
}

func TestReadOnlyRemovesNothing(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		onFixed(t)
		want := left(t)
		t.Setenv("IPCTOP_READONLY", "yes")
		says := actions.ErrReadOnly.Error() + "\n"
		for line, want := range map[string]result{
			"ipcrm -v -a": {"removing shared memory segment id `0'\n", "ipcrm: id failed: " + says, 1},
			"ipcrm msg 0": {"", "ipcrm: id failed: " + says, 1},
			"ipcmk -Q":    {"", "ipcmk: create message queue failed: " + says, 1},
		} {
			if diff := cmp.Diff(want, ours(words(line)...)); diff != "" {
				t.Errorf("%s: %s", line, diff)
			}
		}
		if diff := cmp.Diff(want, left(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestIpcrmPosix(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.Mqueue(t)
		a := kernel.NewAdmin()
		makeAll := func() {
			t.Helper()
			check(t, a.PosixShmCreate("seg", 4096, 0o600))
			check(t, a.PosixSemCreate("gate", 1, 0o600))
			check(t, a.PosixMsgCreate("/queue", 0o600))
		}
		// No POSIX call can have made these files, or they are more likely something else.
		check(t, os.Mkdir("/dev/shm/dir", 0o755))
		check(t, os.WriteFile("/dev/shm/dir/file", nil, 0o600))
		check(t, os.Symlink("dir/file", "/dev/shm/link"))
		check(t, unix.Mkfifo("/dev/shm/fifo", 0o600))
		check(t, os.WriteFile("/dev/shm/program", make([]byte, 10), 0o700))
		check(t, os.WriteFile("/dev/shm/.hidden", make([]byte, 10), 0o600))
		check(t, os.WriteFile("/dev/shm/notes", []byte("do not lose"), 0o600))
		check(t, os.WriteFile("/dev/shm/empty", nil, 0o600))
		check(t, os.WriteFile("/dev/shm/sem.notes", []byte("no semaphore"), 0o600))
		check(t, os.Link("/dev/shm/sem.notes", "/dev/shm/two names"))
		foreign := []string{".hidden", "dir", "empty", "fifo", "link", "notes", "program", "sem.notes", "two names"}
		for _, c := range []struct {
			line string
			want result
			left []string
		}{
			{"--posix-shmem seg", result{}, []string{"/queue", "sem.gate"}},
			{"--posix-shm /seg -v", result{}, []string{"/queue", "sem.gate"}},
			{"-v --posix-shmem=seg", result{"removing POSIX shared memory `seg'\n", "", 0},
				[]string{"/queue", "sem.gate"}},
			{"-v --posix-semaphore gate", result{"removing POSIX semaphore `gate'\n", "", 0},
				[]string{"/queue", "seg"}},
			{"-v --posix-mqueue /queue", result{"removing POSIX message queue `/queue'\n", "", 0},
				[]string{"seg", "sem.gate"}},
			{"--posix-mqueue queue", result{"", "ipcrm: name failed: Invalid argument\n", 1},
				[]string{"/queue", "seg", "sem.gate"}},
			{"--posix-shmem none --posix-semaphore gate", result{"", "ipcrm: name `none' not found\n", 1},
				[]string{"/queue", "seg"}},
			{"--posix-shmem sem/gate", result{"", "ipcrm: name `sem/gate' not found\n", 1},
				[]string{"/queue", "seg", "sem.gate"}},
			{"--posix-shmem dir", result{"", "ipcrm: name failed: Is a directory\n", 1},
				[]string{"/queue", "seg", "sem.gate"}},
			{"--posix-shmem ../shm/seg", result{"", "ipcrm: name `../shm/seg' not found\n", 1},
				[]string{"/queue", "seg", "sem.gate"}},
			{"-v -apshm", result{"removing POSIX shared memory `seg'\n", "", 0}, []string{"/queue", "sem.gate"}},
			{"-v --all=psem", result{"removing POSIX semaphore `gate'\n", "", 0}, []string{"/queue", "seg"}},
			{"-v --all=pmsg", result{"removing POSIX message queue `/queue'\n", "", 0}, []string{"seg", "sem.gate"}},
			// Without a category -a removes only System V objects: nothing shows who made a file of /dev/shm.
			{"-v -a", result{}, []string{"/queue", "seg", "sem.gate"}},
		} {
			makeAll()
			if diff := cmp.Diff(c.want, ours(append([]string{"ipcrm"}, words(c.line)...)...)); diff != "" {
				t.Errorf("%s: %s", c.line, diff)
			}
			if diff := cmp.Diff(append(c.left, foreign...), posixLeft(t), sorted()); diff != "" {
				t.Errorf("%s leaves: %s", c.line, diff)
			}
			a.PosixShmRemove("seg")
			a.PosixSemRemove("gate")
			a.PosixMsgRemove("/queue")
		}
	})
}

func TestIpcrmPosixQueuesNotMounted(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.Mqueue(t)
		check(t, unix.Unmount("/dev/mqueue", unix.MNT_DETACH))
		want := result{"", "ipcrm: /dev/mqueue does not seem to be mounted. Use 'mount -t mqueue none " +
			"/dev/mqueue' to mount it.\n", 0}
		if diff := cmp.Diff(want, ours("ipcrm", "--all=pmsg")); diff != "" {
			t.Error(diff)
		}
	})
}
