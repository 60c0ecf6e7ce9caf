package kernel

import "github.com/ipctop/ipctop/collect/kernel/process"

// StartBare starts a child with one thread. The child runs the script and exits.
func (a *Admin) StartBare(s *process.Script) (pid int, err error) { return process.StartBare(s) }

// OpenProcess opens a process of any user, to signal it.
func (a *Admin) OpenProcess(pid int) (*process.Handle, error) { return process.OpenHandle(pid) }
