//go:build !cgo || osusergo

package collect

// asksNSS says that os/user asks the C library. Here it reads the files itself, and so do we, once.
const asksNSS = false
