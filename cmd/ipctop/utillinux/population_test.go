package utillinux

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// population lists the objects that a test made in its IPC namespace.
type population struct {
	msg, sem, shm []int
	nsems         map[int]int
}

const (
	shmNoReserve = 0o10000 // SHM_NORESERVE (man 2 shmget): reserves no swap, so a segment may be larger than the memory
	ipcSet       = 1
	ipcStat      = 2
)

// accounts mounts the test's own /etc/passwd and /etc/group over the files of the machine, in the test's mount
// namespace.
func accounts(t testing.TB) {
	t.Helper()
	for name, text := range map[string]string{
		"passwd": "root:x:0:0:root:/root:/bin/sh\nwwwdata:x:33:33::/:/bin/false\ntenletters:x:44:44::/:/bin/false\n" +
			"nobody:x:65534:65534::/:/bin/false\naveryverylongname:x:4242:4242::/:/bin/false\n" +
			"làtin:x:77:77::/:/bin/false\n",
		"group": "root:x:0:\nwwwdata:x:33:\nnogroup:x:65534:\nagroupwithalongname:x:4242:\n",
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(path, "/etc/"+name, "", unix.MS_BIND, ""); err != nil {
			t.Fatalf("bind %s over /etc/%s: %v", path, name, err)
		}
	}
}

// owners lists uids and gids: with a name, with a long name, without a name, and at the ends of the range. The
// namespace of an ordinary user has only one.
func owners() []uint32 {
	if raw, err := os.ReadFile("/proc/self/uid_map"); err == nil && len(words(string(raw))) == 3 &&
		words(string(raw))[2] == "1" {
		return []uint32{0}
	}
	return []uint32{0, 0, 33, 44, 77, 4242, 65534, 123456, 4294967294}
}

// populate makes random objects of every sort that a listing can show, from 0 to most of each kind.
func populate(t testing.TB, rnd *rand.Rand, most int) *population {
	t.Helper()
	p := &population{nsems: map[int]int{}}
	for range rnd.IntN(most + 1) {
		p.addMsg(t, rnd)
	}
	for range rnd.IntN(most + 1) {
		p.addSem(t, rnd)
	}
	for range rnd.IntN(most + 1) {
		p.addShm(t, rnd)
	}
	if len(owners()) > 1 && rnd.IntN(2) == 0 {
		kerneltest.StartAs(t, &syscall.Credential{Uid: 4242, Gid: 4242}, "make") // objects of another creator
	}
	return p
}

// addEach makes one object of each System V kind.
func (p *population) addEach(t testing.TB, rnd *rand.Rand) {
	t.Helper()
	p.addMsg(t, rnd)
	p.addSem(t, rnd)
	p.addShm(t, rnd)
}

// pickKey gives a random key, or IPC_PRIVATE.
func pickKey(rnd *rand.Rand) uint32 {
	if rnd.IntN(4) == 0 {
		return sysv.KeyPrivate
	}
	return rnd.Uint32()
}

func pickMode(rnd *rand.Rand) int { return rnd.IntN(0o1000) }

func (p *population) addMsg(t testing.TB, rnd *rand.Rand) {
	t.Helper()
	a := kernel.NewAdmin()
	id := must(a.MsgGet(pickKey(rnd), sysv.IPCCreat|sysv.IPCExcl|pickMode(rnd)))(t)
	p.msg = append(p.msg, id)
	sent := rnd.IntN(4)
	for range sent {
		check(t, a.MsgSend(id, 1, make([]byte, rnd.IntN(2000)), sysv.IPCNoWait))
	}
	if sent > 0 && rnd.IntN(2) == 0 {
		_, _, err := a.MsgReceive(id, 0, 2000, sysv.IPCNoWait)
		check(t, err)
	}
	chown(t, rnd, unix.SYS_MSGCTL, id)
}

func (p *population) addSem(t testing.TB, rnd *rand.Rand) {
	t.Helper()
	a := kernel.NewAdmin()
	n := 1 + rnd.IntN(20)
	id := must(a.SemGet(pickKey(rnd), n, sysv.IPCCreat|sysv.IPCExcl|pickMode(rnd)))(t)
	p.sem, p.nsems[id] = append(p.sem, id), n
	for range rnd.IntN(3) {
		check(t, a.SemOp(id, []sysv.SemOp{{Num: uint16(rnd.IntN(n)), Op: int16(1 + rnd.IntN(100))}}, 0))
	}
	chown(t, rnd, unix.SYS_SEMCTL, id)
}

func (p *population) addShm(t testing.TB, rnd *rand.Rand) {
	t.Helper()
	a := kernel.NewAdmin()
	size := uint64(1) << rnd.IntN(61)
	size += rnd.Uint64N(size)
	id := must(a.ShmGet(pickKey(rnd), size, sysv.IPCCreat|sysv.IPCExcl|shmNoReserve|pickMode(rnd)))(t)
	p.shm = append(p.shm, id)
	attach := size < 1<<30 && rnd.IntN(2) == 0
	if attach {
		kerneltest.Start(t, "attach", strconv.Itoa(id), strconv.Itoa(id))
	}
	if size < 1<<16 && rnd.IntN(2) == 0 {
		check(t, a.ShmLock(id))
	}
	chown(t, rnd, unix.SYS_SHMCTL, id)
	if attach && rnd.IntN(2) == 0 {
		check(t, a.ShmRemove(id))
	}
}

// chown gives an object to a random owner by IPC_SET. Admin has no method for this. In all three structures uid and gid
// stand at bytes 4 and 8, the mode at byte 20 (struct ipc64_perm).
func chown(t testing.TB, rnd *rand.Rand, call uintptr, id int) {
	t.Helper()
	all := owners()
	var ds [128]byte
	cmd := func(cmd uintptr) error {
		args := [4]uintptr{uintptr(id), cmd, uintptr(unsafe.Pointer(&ds[0])), 0}
		if call == unix.SYS_SEMCTL {
			args = [4]uintptr{uintptr(id), 0, cmd, uintptr(unsafe.Pointer(&ds[0]))}
		}
		if _, _, errno := unix.Syscall6(call, args[0], args[1], args[2], args[3], 0, 0); errno != 0 {
			return errno
		}
		return nil
	}
	check(t, cmd(ipcStat))
	*(*uint32)(unsafe.Pointer(&ds[4])) = all[rnd.IntN(len(all))]
	*(*uint32)(unsafe.Pointer(&ds[8])) = all[rnd.IntN(len(all))]
	check(t, cmd(ipcSet))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

// fill makes so many objects of each System V kind.
func fill(tb testing.TB, queues, sets, segments int) {
	tb.Helper()
	a := kernel.NewAdmin()
	for i := range queues {
		must(a.MsgGet(uint32(i+1), sysv.IPCCreat|0o600))(tb)
	}
	for i := range sets {
		must(a.SemGet(uint32(i+1), 1, sysv.IPCCreat|0o600))(tb)
	}
	for i := range segments {
		must(a.ShmGet(uint32(i+1), 1, sysv.IPCCreat|0o600))(tb)
	}
}
