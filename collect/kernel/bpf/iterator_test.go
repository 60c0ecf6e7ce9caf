package bpf

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf/asm"
)

// filesOf writes a number for each descriptor of each process: the process's pid in the first pid namespace.
func filesOf(l *Layout) asm.Instructions {
	const seq, tmp, size = 0, 8, 16
	tgid := l.Offset("task_struct", "tgid")
	c := &Code{Seq: seq, Tmp: tmp}
	c.Entry("files_of")
	c.Add( // the context is {meta, task, fd, file}, and meta begins with {seq_file}
		asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord),
		asm.JEq.Imm(asm.R7, 0, "out"), // after the last file
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.LoadMem(asm.R2, asm.R2, 0, asm.DWord),
		asm.Mov.Reg(asm.R6, asm.R10), asm.Add.Imm(asm.R6, -size),
		asm.StoreMem(asm.R6, seq, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R2, 0), asm.StoreMem(asm.R6, tmp, asm.R2, asm.DWord),
	)
	c.Follow32(asm.R8, asm.R7, tgid)
	c.Write(tmp, 4)
	c.Label("out")
	c.Continue()
	return c.Instructions
}

func needsBPF(t *testing.T) {
	t.Helper()
	if err := Ask("this"); err != nil {
		t.Skip(err)
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
}

func TestIteratorOverFiles(t *testing.T) {
	needsBPF(t)
	files, err := OpenIterator("ipctop_files", "task_file", filesOf)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	count := func() map[uint32]int {
		text, err := files.Run()
		if err != nil || len(text)%4 != 0 {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		n := map[uint32]int{}
		for word := range slices.Chunk(text, 4) {
			n[binary.NativeEndian.Uint32(word)]++
		}
		return n
	}
	const more = 200
	before := count()
	for range more {
		f, err := os.Open("/proc/self/stat")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	rose := 0
	for pid, n := range count() {
		if n >= before[pid]+more {
			rose++
		}
	}
	if rose != 1 {
		t.Errorf("%d processes have %d descriptors more than before, want this one", rose, more)
	}
}

func TestIteratorOfUnknownMember(t *testing.T) {
	needsBPF(t)
	_, err := OpenIterator("ipctop_none", "task", func(l *Layout) asm.Instructions {
		l.Offset("task_struct", "nothing")
		return nil
	})
	if want := `struct task_struct has no member ["nothing"]`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
