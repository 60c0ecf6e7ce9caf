// Package leaks gives a verdict on each object that can outlive its users: is it leaked?
//
//	a row ─► its evidence (sysv.go, posix.go, paths.go, sockets.go) ─► relate.Judge ─► VerdictOf: the object's note
//	processes, without bystanders (bystander.go) ─► possible users of an object (knowledge.go, groups.go, keys.go)
//	namespaces, mounts, the clock ─► are all possible users visible? (coverage.go)
//	directories of the running system ─► FIFOs and socket paths without users, which the kinds do not list (paths.go)
//
// A process that ipctop cannot see may still exist. So an object is never called an orphan while some processes are
// hidden.
package leaks
