// Package scan parses the kernel's texts: the lines of /proc and the links in it. It reads no file.
//
//	Fields    blank-separated fields of any kind, one after the other
//	Numbers   lines of numbers only; a file may have tens of thousands, so Numbers allocates nothing
//	Line      one line "name: value" of a text
package scan
