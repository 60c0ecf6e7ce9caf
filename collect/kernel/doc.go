// Package kernel holds every raw system call and wire format of ipctop, and nothing else.
//
//	Host   reads: one machine, live, or a fixture tree of /proc and /sys files
//	Admin  changes: whatever alters the machine is one of its methods
//
// It imports no other package of ipctop. Errors keep their errno: errors.Is(err, fs.ErrNotExist) or
// unix.ESRCH means "it is gone", errors.Is(err, fs.ErrPermission) means "denied".
package kernel
