//go:build cgo && !osusergo

package proc

// asksNSS says that os/user asks the C library, and with it whatever nsswitch.conf names.
const asksNSS = true
