package kernel

import "github.com/ipctop/ipctop/collect/kernel/sys"

// Host reads one machine: the live one, or a tree of files that looks like it (a fixture, an image).
// A Host only looks: nothing it does changes the machine or attaches to an object.
// Its methods are safe for concurrent use.
type Host struct {
	sys.Root
}

// Open returns a Host for the machine below root, where root holds proc, sys and etc. "" and "/" are the live machine.
func Open(root string) (*Host, error) {
	r, err := sys.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &Host{r}, nil
}
