// Package ftok inverts ftok(3): it finds the files from which a System V key may be made.
//
//	a key ─► objects with the key ─► their owners ─► living processes ─► their files ─► files that give the key
//
// A key holds 16 bits of the file's inode number and 8 bits of its device number. So files on one device differ in 16
// bits only. A file may give the key by chance. So the result says how many files were tried.
package ftok
