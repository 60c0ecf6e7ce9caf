package utillinux

import (
	"strconv"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

func TestIpcsLikeUtilLinux(t *testing.T) {
	needPeer(t)
	kerneltest.InNamespace(t, func() {
		accounts(t)
		everyIpcs(t, &population{}) // nothing to list
		rnd := kerneltest.Random(t)
		p := populate(t, rnd, 12)
		p.addEach(t, rnd) // so that each kind has an object
		everyIpcs(t, p)
		everyIpcs(t, populate(t, rnd, 24)) // beside the objects of before
	})
}

// everyIpcs compares each mode of each kind in each unit, and the details of each object.
func everyIpcs(t *testing.T, p *population) {
	t.Helper()
	for _, kind := range []string{"", "-a", "-q", "-m", "-s", "-qs"} {
		for _, mode := range []string{"", "-t", "-p", "-c", "-l", "-u"} {
			for _, unit := range []string{"", "-b", "--human"} {
				same(t, words("ipcs "+kind+" "+mode+" "+unit)...)
			}
		}
	}
	for kind, ids := range map[string][]int{"-q": p.msg, "-m": p.shm, "-s": p.sem} {
		for _, id := range ids {
			same(t, "ipcs", kind, "-i", strconv.Itoa(id))
			same(t, "ipcs", kind, "--human", "-i", strconv.Itoa(id))
			same(t, "ipcs", kind, "-b", "-i", strconv.Itoa(id))
		}
	}
}

func TestIpcsCommandLines(t *testing.T) {
	needPeer(t)
	kerneltest.InNamespace(t, func() {
		accounts(t)
		(&population{nsems: map[int]int{}}).addEach(t, kerneltest.Random(t))
		for _, line := range []string{
			"-i 0", "-a -i 0", "-qm -i 0", "-z", "--foo", "--foo=bar", "--s", "--s=1", "--lim=3", "--lim --sum",
			"--id", "-i", "-m foo -t",
			"--", "-- -z", "-mx", "--h", "--hu -m", "--bytes=", "--=", "-W", "-a-", "--i", "--sh --id=0", "foo",
			"-", "- -z", "-:", "-;",
			"-i abc -z", "-i 0 -z -m", "-t -p", "-p -t", "-l -u -c", "-mi0", "-m -i=0", "--id 0 -q", "-\xff", "--\xff",
			"-m -t -i 0",
			"-qi -1", "-mi -1", "-qi -2147483648", "-mi 999", "-si 999", "-si 2147483647",
		} {
			same(t, append([]string{"ipcs"}, words(line)...)...)
		}
		for _, id := range []string{
			"", " ", "abc", "0x0", "+0", " 0", "\t0", "0 ", "-", "+-0", "1_0", "1e0", "00", "2147483648", "-2147483649",
			"99999999999999999999999",
		} {
			for _, kind := range []string{"-q", "-m", "-s"} {
				same(t, "ipcs", kind, "-i", id)
			}
		}
		t.Setenv("POSIXLY_CORRECT", "1")
		same(t, words("ipcs -q foo -z")...)
		same(t, words("ipcs foo -z")...)
	})
}

// The set has the most semaphores that the kernel allows.
func TestLargeSet(t *testing.T) {
	needPeer(t)
	kerneltest.InNamespace(t, func() {
		a := kernel.NewAdmin()
		id := must(a.SemGet(0xffffffff, 32000, sysv.IPCCreat|0o600))(t)
		check(t, a.SemOp(id, []sysv.SemOp{{Num: 31999, Op: 32767}, {Num: 0, Op: 1}}, 0))
		for _, line := range []string{"ipcs -s", "ipcs -s -i 0", "ipcs -u", "lsipc -s -i 0", "lsipc -s -i 0 -J"} {
			same(t, words(line)...)
		}
	})
}

// On these command lines util-linux 2.38.1 crashes (SIGSEGV). Ours finds no such set.
func TestIpcsNegativeSemid(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		p := &population{nsems: map[int]int{}}
		p.addSem(t, kerneltest.Random(t))
		want := result{"", "ipcs: id -1 not found\n", 0}
		if got := ours("ipcs", "-s", "-i", "-1"); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestIpcsLimitsAtTheirEnds(t *testing.T) {
	needPeer(t)
	kerneltest.InNamespace(t, func() {
		for _, limits := range []map[string]string{
			{"msgmni": "0", "msgmax": "0", "msgmnb": "0", "shmmax": "0", "shmmni": "0", "shmall": "0",
				"sem": "0 0 0 0"},
			{
				"msgmni": "32768", "msgmax": "2147483647", "msgmnb": "2147483647",
				"shmmax": "18446744073709551615", "shmmni": "32768", "shmall": "18446744073709551615",
				"sem": "32000 2147483647 2147483647 32768",
			},
			{"shmmax": "1023", "shmall": "4611686018427387904", "msgmax": "65535", "msgmnb": "1048575"},
			{"shmmax": "1125899906842623", "shmall": "4611686018427387903"},
			{"shmall": "18014398509481983"},
		} {
			for name, value := range limits {
				sysctl(t, name, value)
			}
			for _, unit := range []string{"", "-b", "--human"} {
				same(t, words("ipcs -l "+unit)...)
			}
		}
	})
}

// Another user lists the objects. An object that he may not read looks as in util-linux.
func TestIpcsWithoutReadPermission(t *testing.T) {
	needPeer(t)
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		rnd := kerneltest.Random(t)
		p := &population{nsems: map[int]int{}}
		for range 5 {
			p.addEach(t, rnd)
		}
		asUser(t, 1000, func() { everyIpcs(t, p) })
	})
}
