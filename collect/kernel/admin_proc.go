package kernel

import "github.com/ipctop/ipctop/collect/kernel/proc"

// StartBare starts a child of one thread that runs the script and exits.
func (a *Admin) StartBare(s *proc.Script) (pid int, err error) { return proc.StartBare(s) }

// OpenProcess takes hold of a process, of any user.
func (a *Admin) OpenProcess(pid int) (*proc.Handle, error) { return proc.OpenHandle(pid) }
