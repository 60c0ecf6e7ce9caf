//go:build cgo && !osusergo

package account

// asksNSS is true if os/user asks the C library, and so every service of nsswitch.conf (man 5 nsswitch.conf).
const asksNSS = true
