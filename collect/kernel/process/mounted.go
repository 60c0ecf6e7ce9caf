package process

import "golang.org/x/sys/unix"

// IsMounted is true if a proc file system is at /proc (PROC_SUPER_MAGIC: man 2 statfs).
func IsMounted() bool {
	var on unix.Statfs_t
	return unix.Statfs("/proc", &on) == nil && on.Type == unix.PROC_SUPER_MAGIC
}
