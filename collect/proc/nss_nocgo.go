//go:build !cgo || osusergo

package proc

// asksNSS says that os/user asks the C library. Here it reads the files itself, and so do we, once.
const asksNSS = false
