package process_test

// archCalls are the calls that only this architecture has. Threads sleep in none of them.
func archCalls() map[string]blockedCall { return nil }
