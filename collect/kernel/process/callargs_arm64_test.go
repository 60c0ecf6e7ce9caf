package process_test

// archCalls are the calls that only this architecture has: none that threads sleep in.
func archCalls() map[string]blockedCall { return nil }
