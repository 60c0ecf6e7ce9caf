package kernel

import "github.com/ipctop/ipctop/collect/kernel/namespace"

// NamespaceID is the inode of the reader's own namespace of a type.
func (h *Host) NamespaceID(typ string) (uint64, error) { return namespace.ID(h.Root, typ) }

// VisitNamespaces runs f(i) on a thread inside each namespace of list, one after the other. All are IPC or all are
// network namespaces. The thread then returns to its own namespace (man 2 setns).
func (h *Host) VisitNamespaces(list []namespace.Namespace, f func(i int) error) []error {
	return namespace.VisitEach(h.Root, list, f)
}

// VisitNamespace runs f inside one namespace, like VisitNamespaces.
func (h *Host) VisitNamespace(ns namespace.Namespace, f func() error) error {
	return namespace.Visit(h.Root, ns, f)
}

// NamespaceOwner is the uid that made the user namespace above ns, in the numbers of our user namespace.
func (h *Host) NamespaceOwner(ns namespace.Namespace) (uint32, error) {
	return namespace.Owner(h.Root, ns)
}

// SelfNamespace is the inode of the calling process's namespace of a type ("ipc", "net", "pid").
func (h *Host) SelfNamespace(typ string) (uint64, error) { return namespace.Self(h.Root, typ) }

// SocketNamespace finds the network namespace of a socket by a thread's descriptor. ino is the socket's inode.
func (h *Host) SocketNamespace(tid, fd int, ino uint64) (namespace.Namespace, error) {
	return namespace.OfSocket(h.Root, tid, fd, ino)
}
