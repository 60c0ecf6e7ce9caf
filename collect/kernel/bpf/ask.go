package bpf

import (
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// refusal says what would help.
type refusal struct {
	what string
	err  error
}

func (e *refusal) Error() string {
	return e.what + " could not be read: it takes CAP_BPF and CAP_PERFMON"
}
func (e *refusal) Unwrap() error { return e.err }

// Ask asks for the rights to load a program that reads so-and-so, before 15 ms of reading types. errors.Is(err,
// fs.ErrPermission): this process has them not. unix.ENOSYS: the kernel has no bpf(2).
//
// What is loaded here are no types at all, which is EINVAL for whoever has CAP_BPF in the first user namespace
// (bpf_btf_load in kernel/bpf/syscall.c), and EPERM for everybody else, and in a sandbox that refuses bpf(2).
func Ask(what string) error {
	_, err := call(unix.BPF_BTF_LOAD, new([32]byte))
	if sys.Denied(err) {
		return &refusal{what, err}
	}
	if err == unix.ENOSYS {
		return err
	}
	for _, capability := range []int{unix.CAP_PERFMON, unix.CAP_SYS_ADMIN} { // either does (man 7 capabilities)
		if has, err := sys.Holds(capability); err != nil || has {
			return err
		}
	}
	return &refusal{what, fs.ErrPermission}
}
