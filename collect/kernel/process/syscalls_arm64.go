package process

// Calls that do not exist on arm64. glibc's poll calls ppoll there, select calls pselect6, open calls openat. No call
// has these numbers.
const (
	sysPoll   = -2
	sysSelect = -3
	sysOpen   = -4
	sysCreat  = -5
	sysVfork  = -6
)

// archCall names the calls that only this architecture has. Threads sleep in none of them.
func archCall(int) (string, bool) { return "", false }
