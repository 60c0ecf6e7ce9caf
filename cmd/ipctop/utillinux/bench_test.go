package utillinux

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// BenchmarkIpcs runs the installed ipcs and ours in turn, as a script does: process start, listing, output to
// /dev/null. "times" is our time divided by theirs. It should be at most 3 with nothing to list, and at most 0.2 at the
// kernel's default limits.
func BenchmarkIpcs(b *testing.B) {
	b.Run("empty", func(b *testing.B) {
		kerneltest.InNamespace(b, func() { race(b, 100) })
	})
	b.Run("full", func(b *testing.B) {
		kerneltest.InNamespace(b, func() {
			fill(b, 32000, 32000, 4096)
			race(b, 1)
		})
	})
}

// race reports the median wall times of both programs, and their ratio. Each iteration runs each program rounds times.
func race(b *testing.B, rounds int) {
	theirs, err := exec.LookPath("ipcs")
	if err != nil {
		b.Skip("needs util-linux's ipcs to compare with: ", err)
	}
	ours := filepath.Join(filepath.Dir(build(b)), "ipcs")
	var us, them []time.Duration
	for b.Loop() {
		for range rounds {
			them = append(them, spawn(b, theirs))
			us = append(us, spawn(b, ours))
		}
	}
	b.ReportMetric(float64(median(us).Microseconds()), "us-ours")
	b.ReportMetric(float64(median(them).Microseconds()), "us-theirs")
	b.ReportMetric(float64(median(us))/float64(median(them)), "times")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// spawn runs a program, drops its output, and gives the time until the program was reaped.
func spawn(tb testing.TB, path string) time.Duration {
	tb.Helper()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	check(tb, err)
	defer null.Close()
	begin := time.Now()
	pid, err := syscall.ForkExec(path, []string{path},
		&syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{null.Fd(), null.Fd(), 2}})
	check(tb, err)
	var status unix.WaitStatus
	for {
		if _, err = unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			break
		}
	}
	took := time.Since(begin)
	if err != nil || status.ExitStatus() != 0 {
		tb.Fatalf("%s: %v, %v", path, err, status)
	}
	return took
}

// build compiles ipctop as the README says, and makes links with util-linux's names. It gives the binary's path.
func build(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "ipctop")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "github.com/ipctop/ipctop/cmd/ipctop")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v\n%s", err, out)
	}
	for _, face := range Faces() {
		check(tb, os.Symlink("ipctop", filepath.Join(filepath.Dir(path), face.Name)))
	}
	return path
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
