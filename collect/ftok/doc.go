// Package ftok is ftok(3) backwards: it finds the files of which a System V key may be made.
//
//	a key ─► objects that have it ─► their owners ─► living processes ─► files that these know ─► those that give the key
//
// A key holds 24 bits of its file, 8 of them from the device: files of one device differ in 16 bits. So a file that
// gives the key may do so by chance, and the result says how many files were tried.
package ftok
