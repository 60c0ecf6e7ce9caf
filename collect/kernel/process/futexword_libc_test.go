package process_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

// TestFutexOfRunningLibc compares the layouts of futexword.go with the C library of this machine.
func TestFutexOfRunningLibc(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc, to ask the C library itself: ", err)
	}
	program := filepath.Join(t.TempDir(), "locks")
	if out, err := exec.Command(gcc, "-pthread", "-o", program, "testdata/locks.c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const holder = 1 // the TID in the word or beside it
	mutex := process.Futex{Kind: process.FutexMutex, Owner: holder, Word: 2}
	robust := process.Futex{Kind: process.FutexRobust, Owner: holder}
	pi := process.Futex{Kind: process.FutexPIMutex, Owner: holder}
	written := process.Futex{Kind: process.FutexRWLock, Owner: holder, Word: 3}
	timed := func(f process.Futex) process.Futex { f.Timed = true; return f }
	for args, want := range map[string]process.Futex{
		// the program's arguments: lock, shared, type, robust, protocol
		"mutex 1 0 0 0":               mutex,
		"mutex 1 1 0 0":               mutex,
		"mutex 1 2 0 0":               mutex,
		"mutex 1 3 0 0":               mutex,
		"mutex 0 0 0 0":               private(mutex),
		"mutex 0 1 0 0":               private(mutex),
		"mutex 0 2 0 0":               private(mutex),
		"mutex 0 3 0 0":               private(mutex),
		"mutex 1 0 1 0":               robust,
		"mutex 1 1 1 0":               robust,
		"mutex 0 0 1 0":               robust,
		"mutex 1 0 0 1":               pi,
		"mutex 1 0 1 1":               pi,
		"mutex 0 0 0 1":               private(pi),
		"mutex-timed 1 0 0 0":         timed(mutex),
		"mutex-timed 0 0 0 0":         private(timed(mutex)),
		"mutex-timed 1 0 1 0":         timed(robust),
		"written-read 1 0 0 0":        written,
		"written-read 0 0 0 0":        private(written),
		"written-write 1 0 0 0":       written,
		"written-write 1 2 0 0":       written,
		"written-write 0 0 0 0":       private(written),
		"written-write-timed 1 0 0 0": timed(written),
		"read-write 1 0 0 0":          {Kind: process.FutexRWLock, Word: 2},
		"read-write 0 2 0 0":          private(process.Futex{Kind: process.FutexRWLock, Word: 2}),
		"semaphore 1 0 0 0":           {},
		"semaphore 0 0 0 0":           private(process.Futex{}),
		"condition 1 0 0 0":           {},
		"condition 0 0 0 0":           private(process.Futex{}),
	} {
		t.Run(args, func(t *testing.T) {
			p, waiter, owner := startLocks(t, program, args)
			c := callOf(t, p, waiter, unix.SYS_FUTEX)
			got, err := p.Futex(c)
			if err != nil {
				t.Fatal(err)
			}
			if got.Owner == owner {
				got.Owner = holder
			}
			ignored := []string{"Addr"}
			if got.Kind == process.FutexRobust || got.Kind == process.FutexPIMutex {
				ignored = append(ignored, "Word") // the word is the owner's TID
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(process.Futex{}, ignored...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func private(f process.Futex) process.Futex { f.Private = true; return f }

// startLocks runs testdata/locks.c until the test ends.
func startLocks(t *testing.T, program, args string) (p process.Dir, waiter, owner int) {
	t.Helper()
	cmd := exec.Command(program, strings.Fields(args)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	tids := numbers(t, strings.Fields(line))
	return openProc(t, cmd.Process.Pid), tids[0], tids[1]
}
