//go:build !cgo || osusergo

package account

// asksNSS is true if os/user asks the C library. In this build os/user reads the files itself. Users does so, too,
// but only once.
const asksNSS = false
