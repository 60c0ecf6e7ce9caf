package kernel

// archCall names the calls that only this architecture has: none that threads sleep in.
func archCall(int) (string, bool) { return "", false }
