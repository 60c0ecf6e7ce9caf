package utillinux

import (
	"encoding/json"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// lsipcModes lists the output modes, and the options that change them.
func lsipcModes() []string {
	return []string{
		"", "-J", "-e", "-n", "-r", "-l", "-y", "-J -y", "-e -y", "-n -y", "-r -y", "--noheadings", "-r --noheadings",
		"-J --noheadings", "-e --noheadings",
		"-n --noheadings", "--notruncate", "-b", "-P", "-b -P -J", "-c", "-t", "-c -t", "-c -t -r",
		"-t --time-format=full", "-t --time-format iso",
		"-t --time-format=short -J", "-t -n --time-format=iso",
	}
}

func TestLsipcLikeUtilLinux(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		accounts(t)
		everyLsipc(t, &population{}) // nothing to list
		absentIDs(t)
		rnd := kerneltest.Random(t)
		p := populate(t, rnd, 8)
		p.addEach(t, rnd) // so that each kind has an object
		everyLsipc(t, p)
		absentIDs(t)
		wipe(t)
		everyLsipc(t, populate(t, rnd, 8))
	})
}

func everyLsipc(t *testing.T, p *population) {
	t.Helper()
	kinds := []string{"-m", "-q", "-s", "-g -m", "-g -q"}
	if len(p.sem) == 0 {
		kinds = append(kinds, "-g", "", "-g -s") // else SEMMNS differs: see TestLsipcCountsSemaphores
	}
	for _, kind := range kinds {
		for _, mode := range lsipcModes() {
			same(t, words("lsipc "+kind+" "+mode)...)
		}
	}
	for kind, columns := range map[string]string{
		"-m": "SIZE,NATTCH,STATUS,ATTACH,DETACH,COMMAND,CPID,LPID", "-q": "USEDBYTES,MSGS,SEND,RECV,LSPID,LRPID",
		"-s": "NSEMS,OTIME",
	} {
		all := "KEY,ID,OWNER,PERMS,CUID,CUSER,CGID,CGROUP,UID,USER,GID,GROUP,CTIME," + columns
		for _, mode := range []string{"", "-J", "-e", "-n", "-r", "-b -P"} {
			same(t, words("lsipc "+kind+" "+mode+" -o "+all)...)
		}
		same(t, words("lsipc "+kind+" -o "+columns)...)
		same(t, words("lsipc "+kind+" -o +"+columns)...)
	}
	for kind, ids := range map[string][]int{"-q": p.msg, "-m": p.shm, "-s": p.sem} {
		lsipcDetails(t, kind, ids)
	}
}

// absentIDs compares the details of objects that do not exist.
func absentIDs(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"-q", "-m", "-s"} {
		lsipcDetails(t, kind, []int{-1, -7, 12345})
	}
}

// lsipcDetails compares the details of objects in each mode. With three or more objects each has every third mode in
// turn, or each mode if IPCTOP_LONG is set.
func lsipcDetails(t *testing.T, kind string, ids []int) {
	t.Helper()
	turns := 1
	if len(ids) >= 3 {
		turns = kerneltest.Rounds(3, 1)
	}
	for n, id := range ids {
		for i, mode := range []string{"", "-J", "-r", "-l", "-e", "-n", "-c", "-t", "-b", "-P", "--noheadings", "-y",
			"--time-format=iso", "-o key,ctime", "-o +uid"} {
			if (i+n)%turns != 0 {
				continue
			}
			same(t, append(words("lsipc "+kind+" "+mode), "-i", strconv.Itoa(id))...)
		}
	}
}

func TestLsipcCommandLines(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		accounts(t)
		(&population{nsems: map[int]int{}}).addEach(t, kerneltest.Random(t))
		for _, line := range []string{
			"-m -o KEY,,ID", "-m -o KEY,", "-m -o ,KEY", "-m -o +", "-m -o nsems,key", "-m -o key,nsems,id",
			"-m -o foo,key", "-m -o key,foo", "-o key", "-o ,", "-m -o key,key,KeY",
			"-m -m -m -m -m -m -m -m", "-m -m -m -m -m -m", "-m -m", "-s -s -s -s -s -s -s -s -s -s -s -s -s -s",
			"-m -m -m -m -m -m -t", "-q -q -q -q -q -q -q -q -t", "-m -m -m -m -m -m -c",
			"-m -q", "-q -s", "-J -e", "-J -r -l", "-J -J", "-e -n", "-c -o key -m", "-t -o key -m", "-o key -c -m",
			"-t", "-c", "-i 3", "-g -i 3 -m", "-i 3 -g", "-g -t -m", "-g -t", "-g -c -s", "--time-format=foo",
			"--time-format", "--time-format=", "--time-format=ISO",
			"-i abc", "-i", "-i 99999999999", "-i 0x1", "-m -i 0 -q", "foo", "-m foo", "-z", "-m -o RESOURCE",
			"-g -o size", "-g -o key,resource", "-m -g -o limit", "-m -g -o +size",
			"-o resource,key -J", "--j", "--s", "--no", "--ti", "--time=1", "--notr -m", "--noh -m", "--id 0 -m",
			"--out=key -m", "--glob", "--", "-mJ", "-mi0", "-m --raw=x",
			"-m -i 0 -o key", "-m -i 0 -c -t", "-s -i 0 -c", "-s -i 0 -t -J", "-- -z",
		} {
			same(t, append([]string{"lsipc"}, words(line)...)...)
		}
		same(t, "lsipc", "-m", "-o", "")
		same(t, "lsipc", "-m", "-o", "key id")
		same(t, "lsipc", "-m", "-o", " key")
		same(t, "lsipc", "-m", "-i", " 0")
		same(t, "lsipc", "-m", "-i", "0 ")
	})
}

// lsipc 2.38.1 multiplies the semaphores of the first set by the number of sets. Later releases add up all sets.
func TestLsipcCountsSemaphores(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		a := kernel.NewAdmin()
		for _, n := range []int{5, 7, 1} {
			must(a.SemGet(sysv.KeyPrivate, n, sysv.IPCCreat|0o600))(t)
		}
		got := ours(words("lsipc -g -s -r --noheadings -o resource,used")...)
		want := result{"SEMMNI 3\nSEMMNS 13\nSEMMSL -\nSEMOPM -\nSEMVMX -\n", "", 0}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// CGID is the creator's gid. lsipc 2.38.1 prints the uid instead; later releases do this for segments only.
func TestLsipcCreatorGID(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 2000}, "make")
		for _, kind := range []string{"-m", "-s"} {
			want := result{"1000 2000 1000 2000\n", "", 0}
			if diff := cmp.Diff(want,
				ours(words("lsipc "+kind+" -r --noheadings -o cuid,cgid,uid,gid")...)); diff != "" {
				t.Errorf("%s: %s", kind, diff)
			}
		}
	})
}

// A program chooses its own command line. Each output mode keeps it on one line, and without control bytes.
func TestLsipcHostileCommands(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		for _, group := range [][][]string{
			{
				{"plain", "words"}, {}, {"", ""}, {"", "x", ""}, {" "}, {"two words", " lead", "trail "},
				{"tab\tnewline\nend"},
				{"\x1b[31mred\x1b[0m", "\a\b\f\r\v"},
				{`back\slash`, `\x41`, `\\x`, `"double"`, "'single'", "`tick`", "$HOME", "/s/l", "100%"},
				{"é€", "漢字", "e\u0301", "\u200b\u202e"}, {"\u00a0"},
			},
			{{"\xff\xfe", "\xc3", "a\x80b"}}, {{"\x7f", "\u0085"}},
			{{strings.Repeat("x", 10000)}, {strings.Repeat("y", 8000), strings.Repeat("z", 500)}},
		} {
			wipe(t)
			comparable := true // false if util-linux prints broken JSON, or control characters
			var made []*kerneltest.Worker
			for _, args := range group {
				made = append(made, kerneltest.Start(t, "make", args...))
				all := strings.Join(args, "")
				comparable = comparable && utf8.ValidString(all) && !strings.ContainsAny(all, "\x7f\u0085")
			}
			shm, sem := idsOf(t)
			for _, locale := range []string{"C", "C.UTF-8"} {
				t.Setenv("LC_ALL", locale)
				for _, mode := range lsipcModes() {
					if strings.Contains(mode, "-J") && !comparable {
						continue // see below
					}
					same(t, words("lsipc -m "+mode)...)
					same(t, words("lsipc -m -l -o command,id "+strings.ReplaceAll(mode, "-t", ""))...)
				}
				for i := range group {
					same(t, "lsipc", "-m", "-i", strconv.Itoa(shm[i]))
					same(t, "lsipc", "-s", "-i", strconv.Itoa(sem[i]))
				}
			}
			for _, w := range made {
				w.Kill()
			}
		}
	})
}

// idsOf lists the segments and the sets of the test's namespace.
func idsOf(t *testing.T) (shm, sem []int) {
	t.Helper()
	h := must(kernel.Open(""))(t)
	for _, m := range must(h.ShmSegments(false))(t) {
		shm = append(shm, m.ID)
	}
	for _, s := range must(h.SemSets())(t) {
		sem = append(sem, s.ID)
	}
	return shm, sem
}

// The JSON stays valid if a command line is not UTF-8.
func TestLsipcJSONIsValid(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.Start(t, "make", "\xff\x1b\"\\")
		got := ours(words("lsipc -m -J -o command")...)
		var doc struct {
			SharedMemory []struct{ Command string }
		}
		if err := json.Unmarshal([]byte(got.Stdout), &doc); err != nil {
			t.Fatalf("%v in %q", err, got.Stdout)
		}
		_, command, _ := strings.Cut(doc.SharedMemory[0].Command, " ")
		if diff := cmp.Diff("\uFFFD\x1b\"\\", command); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLsipcPosix(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.Mqueue(t)
		unix.Umask(0o022)
		t.Setenv("TZ", "UTC")
		a := kernel.NewAdmin()
		check(t, a.PosixShmCreate("seg", 5000, 0o640))
		check(t, a.PosixShmCreate("other", 0, 0o600))
		check(t, a.PosixSemCreate("gate", 3, 0o666))
		check(t, a.PosixMsgCreate("/queue", 0o600))
		check(t, os.WriteFile("/dev/shm/sem.notes", []byte("no semaphore"), 0o600))
		then := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		for _, name := range []string{"/dev/shm/seg", "/dev/shm/other", "/dev/shm/sem.gate", "/dev/mqueue/queue"} {
			check(t, os.Chtimes(name, then, then))
		}
		root := must(user.LookupId(strconv.Itoa(os.Getuid())))(t).Username
		fill := strings.NewReplacer("ROOT", root, "BLANK", strings.Repeat(" ", 36-len(root)))
		for _, c := range []struct{ line, stdout, stderr string }{
			{"lsipc -M -r", "NAME PERMS OWNER SIZE MTIME\nother rw------- ROOT 0B 2001-Feb03\n" +
				"seg rw-r----- ROOT 4.9K 2001-Feb03\n", ""},
			{"lsipc --posix-semaphores -r", "NAME PERMS OWNER MTIME SVAL\ngate rw-r--r-- ROOT 2001-Feb03 3\n", ""},
			{"lsipc -Q -r", "NAME PERMS OWNER MTIME USEDBYTES MSGS\n/queue rw------- ROOT 2001-Feb03 0B 0\n", ""},
			{"lsipc -M -b -P -e -N seg", `NAME="seg" PERMS="0640" OWNER="ROOT" SIZE="5000" MTIME="2001-Feb03"` + "\n",
				""},
			{"lsipc -S -o name,sval,cuid,cgid,mtime --time-format=iso -r --noheadings",
				"gate 3 0 0 2001-02-03T04:05:06+00:00\n",
				""},
			{"lsipc -M -c -r --noheadings --name other", "other rw------- ROOT 0B 2001-Feb03 0 0\n", ""},
			{"lsipc -M -J -o name", "{\n   \"posix-sharedmemory\": [\n      {\n         \"name\": \"other\"\n" +
				"      },{\n         \"name\": \"seg\"\n      }\n   ]\n}\n", ""},
			{"lsipc -Q -N /queue -o +size", "", "lsipc: column size does not apply to the specified IPC\n"},
			{"lsipc -Q -N queue", "", "lsipc: mqueue name must start with '/': queue\n"},
			{"lsipc -Q -N /none", "", "lsipc: message queue /none not found\n"},
			{"lsipc -M -N none", "", "lsipc: shared memory segment none not found\n"},
			{"lsipc -S -N none", "", "lsipc: semaphore none not found\n"},
			{"lsipc -M -N x -i 3", "", "lsipc: mutually exclusive arguments: --name --global --id\n"},
			{"lsipc -M -m", "", "lsipc: mutually exclusive arguments: --posix-shmems --posix-mqueues " +
				"--posix-semaphores --shmems --queues --semaphores\n"},
			{"lsipc -N x", "", "lsipc: --global is mutually exclusive with --creator, --id and --time\n"},
			{"lsipc -g -Q -r --noheadings -o resource,limit,used,use%", "MQUMNI 256 1 0.39%\nMQUMAX 8K - -\n" +
				"MQUMNB 10 - -\n",
				""},
			{"lsipc -M -N seg -o name,size,mtime -l", "NAME SIZE      MTIME\nseg  4.9K 2001-Feb03\n", ""},
			{
				"lsipc -S -N gate",
				"Name:                               gate                                \n" +
					"Owner:                              ROOTBLANK\n" +
					"Permissions:                        rw-r--r--                           \n" +
					"Creator UID:                        0                                   \n" +
					"Creator user:                       ROOTBLANK\n" +
					"Creator GID:                        0                                   \n" +
					"Creator group:                      ROOTBLANK\n" +
					"Last action:                        Sat Feb  3 04:05:06 2001            \n" +
					"Value:                              3                                   \n", "",
			},
		} {
			got := ours(words(c.line)...)
			got.Code = 0
			if c.line == "lsipc -S -N gate" { // the columns come in the order of --help
				got.Stdout, c.stdout = sortedLines(got.Stdout), sortedLines(c.stdout)
			}
			if diff := cmp.Diff(result{fill.Replace(c.stdout), c.stderr, 0}, got); diff != "" {
				t.Errorf("%s: %s", c.line, diff)
			}
		}
		check(t, unix.Unmount("/dev/mqueue", unix.MNT_DETACH))
		want := result{"", "lsipc: /dev/mqueue does not seem to be mounted. Use 'mount -t mqueue none " +
			"/dev/mqueue' to mount it.\n", 0}
		if diff := cmp.Diff(want, ours("lsipc", "-Q")); diff != "" {
			t.Error(diff)
		}
	})
}

func sortedLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// An ordinary user reads the same lists. If he may not read a set, its values are an error.
func TestLsipcWithoutReadPermission(t *testing.T) {
	needReference(t)
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		rnd := kerneltest.Random(t)
		p := &population{nsems: map[int]int{}}
		for range 4 {
			p.addEach(t, rnd)
		}
		asUser(t, 1000, func() {
			for kind, ids := range map[string][]int{"-q": p.msg, "-m": p.shm, "-s": p.sem} {
				same(t, "lsipc", kind)
				for _, id := range ids {
					same(t, "lsipc", kind, "-i", strconv.Itoa(id))
					same(t, "lsipc", kind, "-J", "-i", strconv.Itoa(id))
				}
			}
		})
	})
}
