// Package own opens the files that ipctop keeps for its user: the journal, saved objects, state files of demos.
//
//	Home, StateDir   the places, never in another user's home
//	OpenDir, Dir     a directory of this user; its files are opened by names in the open directory
//	Dir.Lock         one writer at a time, between processes
//	ReadFile         a file of settings, which root may own as well
//
// Another user may put links, FIFOs or files of its own at a path. So a directory and a file must belong to this user.
// A file has one link. Others have no rights to the directory and the file. No link is followed at either.
package own
