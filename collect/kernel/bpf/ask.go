package bpf

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// refusal is the error for missing rights. It names the rights that would help.
type refusal struct {
	what string
	err  error
}

func (e *refusal) Error() string {
	return e.what + " could not be read: it takes CAP_BPF and CAP_PERFMON"
}
func (e *refusal) Unwrap() error { return e.err }

// Ask checks the rights to load a program. It needs no kernel types, whose reading takes 2 ms. what names the data
// that the program reads. fs.ErrPermission: this process lacks the rights. unix.ENOSYS: the kernel has no bpf(2).
//
// Ask loads a type description with no types. With CAP_BPF in the first user namespace that is EINVAL (bpf_btf_load
// in kernel/bpf/syscall.c). Without it, and in a sandbox that refuses bpf(2), it is EPERM.
func Ask(what string) error {
	_, err := call(unix.BPF_BTF_LOAD, new([32]byte))
	if sys.Denied(err) {
		return &refusal{what, err}
	}
	if err == unix.ENOSYS {
		return err
	}
	// one of the two is enough (man 7 capabilities)
	for _, capability := range []int{unix.CAP_PERFMON, unix.CAP_SYS_ADMIN} {
		if has, err := sys.Holds(capability); err != nil || has {
			return err
		}
	}
	return &refusal{what, fs.ErrPermission}
}

// Ready is Ask for a reader of the live machine. none is the reader's own error for a kernel that cannot.
func Ready(root sys.Root, what string, none error) error {
	if !root.Live() {
		return fmt.Errorf("%s: %w", what, sys.ErrNotLive)
	}
	err := Ask(what)
	if err == unix.ENOSYS {
		return fmt.Errorf("%w: bpf: %w", none, err)
	}
	return err
}
