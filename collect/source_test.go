package collect

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/demo"
)

// workRandomFiles opens descriptors of all sorts by chance, from a seed. Some are in a table of a thread alone. With
// "headless" its first thread ends.
func workRandomFiles(j *kerneltest.Job) {
	seed, err := strconv.ParseUint(j.Args[0], 10, 64)
	j.Check(err)
	dir := j.Args[1]
	random := rand.New(rand.NewPCG(seed, 0))
	opens := fileSorts(j, dir, random)
	for range 40 {
		opens[random.IntN(len(opens))]()
	}
	if random.IntN(2) == 0 {
		kerneltest.OnOtherThread(func() {
			j.Check(unix.Unshare(unix.CLONE_FILES))
			opens[random.IntN(len(opens))]()
			select {}
		})
	}
	j.Ready()
	if random.IntN(3) == 0 {
		kerneltest.EndFirstThread()
	}
	j.Wait()
}

// fileSorts are functions that open a descriptor each, or two.
func fileSorts(j *kerneltest.Job, dir string, random *rand.Rand) []func() {
	keep := func(fd int, err error) int {
		j.Check(err)
		return fd
	}
	file := func(where string) string {
		return filepath.Join(where, fmt.Sprintf("file%d", random.IntN(4)))
	}
	pair := func(fds [2]int, err error) { j.Check(err) }
	return []func(){
		func() {
			var p [2]int
			j.Check(unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
			for range random.IntN(3) {
				_, err := unix.Write(p[1], make([]byte, 1+random.IntN(9000)))
				j.Check(err)
			}
			switch random.IntN(5) {
			case 0:
				unix.Close(p[0])
			case 1:
				unix.Close(p[1])
			case 2:
				keep(unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, 1<<17))
			case 3:
				keep(unix.Open(fmt.Sprintf("/proc/self/fd/%d", p[0]), unix.O_PATH|unix.O_CLOEXEC, 0))
			}
		},
		func() { pair(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)) },
		func() { keep(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)) },
		func() { keep(unix.Eventfd(3, unix.EFD_CLOEXEC)) },
		func() { keep(unix.EpollCreate1(unix.EPOLL_CLOEXEC)) },
		func() { keep(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)) },
		func() { keep(unix.Signalfd(-1, &unix.Sigset_t{}, unix.SFD_CLOEXEC)) },
		func() { keep(unix.InotifyInit1(unix.IN_CLOEXEC)) },
		func() { keep(unix.PidfdOpen(os.Getpid(), 0)) },
		func() { keep(unix.MemfdCreate("random [red]", unix.MFD_CLOEXEC)) },
		func() { keep(unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)) },
		func() { keep(unix.Open("/proc/self/ns/ipc", unix.O_RDONLY|unix.O_CLOEXEC, 0)) },
		func() { keep(unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC, 0)) },
		func() { keep(unix.Open(file(dir), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)) },
		func() { keep(unix.Open(file("/dev/shm"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)) },
		func() {
			name := filepath.Join("/dev/shm", fmt.Sprintf("gone%d", random.Int()))
			keep(unix.Open(name, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600))
			j.Check(unix.Unlink(name))
		},
		func() {
			name := file(dir) + ".fifo"
			if err := unix.Mkfifo(name, 0o600); err != unix.EEXIST {
				j.Check(err)
			}
			keep(unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0))
		},
		func() { keep(unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)) },
		func() {
			name := fmt.Sprintf("/queue%d", random.IntN(3))
			keep(kernel.NewAdmin().MqOpen(name, unix.O_CREAT|unix.O_RDWR, 0o600, nil))
		},
	}
}

// Both sources tell the same of processes with all sorts of descriptors. The reader is in a pid namespace of its own,
// where numbers are not those of the machine.
func TestSourcesTellTheSame(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		if !servesBPF(s) {
			t.Skip("needs root with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, and the kernel's types in /sys/kernel/btf")
		}
		dir := t.TempDir()
		for i := range 8 {
			kerneltest.Start(t, "random-files", strconv.FormatUint(rand.Uint64(), 10), dir)
			if i%4 == 3 {
				s.sameFacts()
			}
		}
		kerneltest.StartIn(t, unix.CLONE_NEWPID, "random-files", strconv.FormatUint(rand.Uint64(), 10), dir)
		s.sameFacts()
	})
}

// Both sources tell the same of every scenario of the demo.
func TestSourcesTellTheSameOfTheDemo(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		if !servesBPF(s) {
			t.Skip("needs root with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, and the kernel's types in /sys/kernel/btf")
		}
		dir, err := os.MkdirTemp("", "d") // a short name: the path of a socket has at most 107 bytes
		s.check(err)
		defer os.RemoveAll(dir)
		r, err := demo.Start(t.Context(), demo.Options{StateDir: t.TempDir(), Dir: dir, Stderr: os.Stderr})
		s.check(err)
		defer r.Stop()
		s.sameFacts()
	}, unix.CLONE_NEWNET)
}

// servesBPF reports whether BPF can serve here. As root it must, on a kernel with its types.
func servesBPF(s *scene) bool {
	s.Helper()
	snap := s.from(proc.FromBPF)
	_, err := os.Stat("/sys/kernel/btf/vmlinux")
	ids, _ := os.ReadFile("/proc/self/uid_map")
	rights := os.Getuid() == 0 && strings.Join(strings.Fields(string(ids)), " ") == "0 0 4294967295"
	if err == nil && rights && snap.Source != proc.FromBPF {
		s.Fatalf("BPF does not serve root: %q", snap.Notes)
	}
	return snap.Source == proc.FromBPF
}

// from takes a snapshot of all kinds with all their columns, by one source.
func (s *scene) from(source proc.Source) *Snapshot {
	s.Helper()
	h, err := kernel.Open("")
	s.check(err)
	return New(h, time.Now, WithSource(source)).Take(allCells())
}

// allCells asks for all kinds with all their columns.
func allCells() Request {
	req := Request{Want: map[schema.Kind]schema.Need{}, Edges: true, Grace: NoGrace}
	for _, m := range Mechanisms() {
		for _, c := range m.Columns {
			req.Want[m.Kind] |= c.Needs &^ leaks.NeedPaths // this need lists files of the whole machine
		}
	}
	delete(req.Want, schema.Wait) // threads are looked at twice there, a second apart
	return req
}

// sameFacts compares the sources cell by cell, until all cells agree that stand still meanwhile.
func (s *scene) sameFacts() {
	s.Helper()
	kerneltest.EventuallySame(s, func() string {
		before, bpf, after := s.from(proc.FromProc), s.from(proc.FromBPF), s.from(proc.FromProc)
		if bpf.Source != proc.FromBPF {
			s.Fatalf("source %s: %q", bpf.Source, bpf.Notes)
		}
		return gocmp.Diff(standing(before, after, before), standing(before, after, bpf))
	})
}

// standing are the cells of a snapshot that are the same in two others, the edges and the faults.
func standing(before, after, of *Snapshot) map[string][]string {
	all := map[string][]string{}
	for _, m := range Mechanisms() {
		cells, edges := table(of, m.Kind)
		first, _ := table(before, m.Kind)
		second, _ := table(after, m.Kind)
		all[string(m.Kind)+" edges"] = edges
		for ref, row := range cells {
			var line []string
			for _, c := range m.Columns {
				if v := row[c.ID]; first[ref][c.ID].Equal(second[ref][c.ID]) {
					line = append(line, fmt.Sprintf("%s=%+v", c.ID, v))
				}
			}
			all[ref] = line
		}
	}
	for _, f := range of.Faults {
		all["faults"] = append(all["faults"], fmt.Sprintf("%+v", f))
	}
	return all
}
