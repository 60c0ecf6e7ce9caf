package process

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestParseKernelStack(t *testing.T) {
	const text = "[<0>] pipe_read+0x1e5/0x6a0\n[<0>] odd [nfs]\n[<0>] do_syscall_64+0x4/0x9\n" +
		"[<0>] entry_SYSCALL_64_after_hwframe+0x4/0x9\nno stack\n[<0>] \n"
	if diff := gocmp.Diff([]string{"pipe_read", "odd [nfs]"}, ParseKernelStack([]byte(text))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// sleepsHere reads an empty pipe in a thread of its own.
//
//go:noinline
func sleepsHere(tid chan<- int, fd int, buf []byte) {
	runtime.LockOSThread()
	tid <- unix.Gettid()
	n, err := unix.Read(fd, buf)
	tid <- n
	runtime.KeepAlive(err)
}

// The symbols of the program name the function that made the call.
func TestCallSites(t *testing.T) {
	var pipe [2]int
	kerneltest.OK(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	tids := make(chan int)
	go sleepsHere(tids, pipe[0], make([]byte, 1))
	tid := <-tids
	defer func() {
		unix.Close(pipe[1])
		<-tids
		unix.Close(pipe[0])
	}()
	dir := kerneltest.Must(Open(sys.Root(""), os.Getpid()))(t)
	defer dir.Close()
	texts := kerneltest.Must(dir.ProgramText(kerneltest.Must(dir.Readlink("exe"))(t), nil))(t)
	symbols := kerneltest.Must(dir.Symbols())(t)
	var names []string
	kerneltest.Eventually(t, "the function that reads", func() bool {
		call, err := dir.blockedCall(tid, nil)
		if err != nil || call.NR != unix.SYS_READ {
			return false
		}
		offsets, err := dir.CallSites(call, texts)
		names = nil
		for _, offset := range offsets {
			names = append(names, symbols.Name(offset))
		}
		return err == nil && slices.ContainsFunc(names, func(n string) bool {
			return strings.Contains(n, "process.sleepsHere (") // the file may be that of a function inlined into it
		})
	})
}

// A program's file may be cut or hostile. Reading it ends without a panic, and offsets without a symbol have no name.
func TestSymbolsOfStrangePrograms(t *testing.T) {
	whole := kerneltest.Must(os.ReadFile("/proc/self/exe"))(t)
	header := slices.Clone(whole[:1<<16])
	for i := 0x28; i < 0x40; i++ { // e_shoff, e_flags and the sizes behind them (elf(5))
		header[i] = 0xff
	}
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("#!/bin/sh\n"), "cut": whole[:1<<16], "header": header,
		"sections": bytes.Replace(whole[:1<<16], []byte{0, 0, 0, 0}, []byte{0xff, 0xff, 0xff, 0x7f}, -1),
	} {
		path := filepath.Join(t.TempDir(), "program")
		kerneltest.OK(t, os.WriteFile(path, data, 0o600))
		f := kerneltest.Must(os.Open(path))(t)
		if s, err := readSymbols(f); err == nil && s.Name(1<<40) != "" {
			t.Errorf("%s: %q is a name for no place", name, s.Name(1<<40))
		}
		f.Close()
	}
}

func TestEndsInCall(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("needs amd64: the bytes are its code")
	}
	for _, test := range []struct {
		code [8]byte
		want bool
	}{
		{[8]byte{0, 0, 0, 0xe8, 1, 2, 3, 4}, true},       // call rel32
		{[8]byte{0, 0, 0, 0, 0, 0, 0xff, 0xd0}, true},    // call *%rax
		{[8]byte{0, 0, 0xff, 0x15, 1, 2, 3, 4}, true},    // call *1(%rip)
		{[8]byte{0, 0, 0, 0, 0, 0xff, 0x53, 0x18}, true}, // call *0x18(%rbx)
		{[8]byte{0, 0, 0, 0, 0, 0, 0xff, 0xe0}, false},   // jmp *%rax
		{[8]byte{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, false},
	} {
		if got := endsInCall(test.code); got != test.want {
			t.Errorf("%x: %v", test.code, got)
		}
	}
}
