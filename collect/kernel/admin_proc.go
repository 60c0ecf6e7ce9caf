package kernel

import "github.com/ipctop/ipctop/collect/kernel/process"

// StartBare starts a child of one thread that runs the script and exits.
func (a *Admin) StartBare(s *process.Script) (pid int, err error) { return process.StartBare(s) }

// OpenProcess takes hold of a process, of any user.
func (a *Admin) OpenProcess(pid int) (*process.Handle, error) { return process.OpenHandle(pid) }
