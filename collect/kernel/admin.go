package kernel

// Admin changes the machine: removing, creating and signalling are its methods and nobody else's.
// Only actions holds one, and demo, to make its objects.
type Admin struct{}
