// Package scan takes the kernel's texts apart: the lines of /proc and the links in it. It reads no file.
//
//	Fields    blank-separated fields of any kind, one after the other
//	Numbers   lines of nothing but numbers, of which there are tens of thousands: it allocates nothing
//	Line      one "name: value" among many
package scan
