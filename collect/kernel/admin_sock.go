package kernel

import "github.com/ipctop/ipctop/collect/kernel/sock"

// DestroyInet ends a connection of the thread's network namespace. See sock.DestroyInet.
func (a *Admin) DestroyInet(s sock.InetSocket) error { return sock.DestroyInet(s) }
