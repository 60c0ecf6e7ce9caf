package process

// Calls that do not exist on arm64, where glibc's poll is ppoll, select pselect6 and open openat: numbers that no
// call has.
const (
	sysPoll   = -2
	sysSelect = -3
	sysOpen   = -4
	sysCreat  = -5
)

// archCall names the calls that only this architecture has: none that threads sleep in.
func archCall(int) (string, bool) { return "", false }
