package waits

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestFunctionsOfTheKernelInWords(t *testing.T) {
	for function, want := range map[string]string{
		"percpu_rwsem_wait":          "a lock of the kernel, or the thaw of a file system",
		"fuse_get_req":               "an answer of a FUSE server",
		"request_wait_answer.isra.0": "an answer of a FUSE server",
		"rpc_wait_bit_killable":      "an answer of an NFS server",
		"folio_wait_bit_common":      "a page of a file",
		"jbd2_log_wait_commit":       "the journal of a file system",
		"submit_bio_wait":            "a disk",
		"wait_for_device_probe":      "the kernel",
		"fuse_lock_inode":            "the kernel",
		"":                           "the kernel",
	} {
		if got, who := inKernel(function); got != want || who == "" {
			t.Errorf("%q: %q by %q, want %q", function, got, who, want)
		}
	}
}

// A thread that sleeps in state D for long is a finding. The threads behind it are named with it, and younger sleeps
// are no finding. Its advice does not say to end anything.
func TestFindingsOfLongSleeps(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var objects []*schema.Object
	row := func(pid int, comm string, age time.Duration, signals string, behind int) {
		ref := schema.Ref{Kind: schema.Wait, ID: uint64(pid)}
		p := &proc.Process{}
		p.PID = pid
		r := &Row{ref: ref, process: p, says: comm + " waits", Node: relate.Node{Status: relate.StatusOpen}}
		r.Task = &relate.Task{
			Thread: relate.Thread{Proc: schema.Ref{Kind: schema.Proc, ID: uint64(pid)}, TID: pid}, Comm: comm,
			Activity: relate.Waiting,
			Wait:     relate.Wait{Via: "a mutex", Since: now.Add(-age), Signals: signals}}
		if behind != 0 {
			r.parent = schema.Ref{Kind: schema.Wait, ID: uint64(behind)}
		}
		objects = append(objects, &schema.Object{Ref: ref, Row: r})
	}
	row(10, "a", time.Minute, killable, 0)
	row(11, "b", time.Minute, "", 10)
	row(12, "c", time.Minute, deaf, 11)
	row(13, "young", blockedLong-time.Second, deaf, 0)
	row(14, "asleep", time.Hour, "", 0)
	want := []schema.Finding{{Kind: "blocked", Severity: schema.Warning, Proof: schema.Observed,
		Says:     "blocked in the kernel: a waits",
		Evidence: []string{"observed: state D since 2026-01-02 03:03:05 +0000", "behind it: 12/c"},
		Advice: "find what it waits for, and mend that: as root, /proc/10/task/10/stack shows where in the kernel it " +
			"sleeps, and \"echo w > /proc/sysrq-trigger\" writes the stacks of all such threads to the kernel's log",
		Refs: []schema.Ref{{Kind: schema.Proc, ID: 10}}, Alike: `blocked; "a" a mutex`}}
	if diff := cmp.Diff(want, blockedFindings(&proc.Tick{Now: now}, objects)); diff != "" {
		t.Error(diff)
	}
}
