package kernel

import "github.com/ipctop/ipctop/collect/kernel/namespace"

// NamespaceID is the unique number of the reader's own namespace of a type.
func (h *Host) NamespaceID(typ string) (uint64, error) { return namespace.ID(h.Root, typ) }

// VisitNamespaces runs f on a thread inside one namespace after the other, all IPC or all network ones, and
// brings the thread back (man 2 setns).
func (h *Host) VisitNamespaces(list []namespace.Namespace, f func(i int) error) []error {
	return namespace.VisitEach(h.Root, list, f)
}

// VisitNamespace is VisitNamespaces for one.
func (h *Host) VisitNamespace(ns namespace.Namespace, f func() error) error {
	return namespace.Visit(h.Root, ns, f)
}

// NamespaceOwner is the uid, as seen from here, of who made the user namespace that owns this one.
func (h *Host) NamespaceOwner(ns namespace.Namespace) (uint32, error) {
	return namespace.Owner(h.Root, ns)
}

// SelfNamespace is the inode of the calling process's namespace of that type ("ipc", "net", "pid").
func (h *Host) SelfNamespace(typ string) (uint64, error) { return namespace.Self(h.Root, typ) }
