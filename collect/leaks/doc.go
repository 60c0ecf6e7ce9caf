// Package leaks tells of each object that can outlive its users whether it is leaked.
//
//	a row ─► its evidence (sysv.go, posix.go, paths.go, sockets.go) ─► relate.Judge ─► VerdictOf: the object's note
//	processes ─► who could still know an object (memory.go, groups.go, keys.go), bystanders aside (bystander.go)
//	namespaces, mounts, the clock ─► whether all who could are in sight (sight.go)
//	directories of the running system ─► FIFOs and socket paths without users, which the kinds do not list (paths.go)
//
// Unseen is not absent: what could not be read hides somebody, and then no object is called an orphan.
package leaks
