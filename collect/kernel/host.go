package kernel

import (
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Host reads one machine: the live machine, or a tree of files that looks like a machine (a fixture, an image). A
// Host only reads: it never changes the machine or attaches to an object. Its methods are safe for concurrent use.
type Host struct {
	sys.Root
	stalls process.Stalls
}

// Open returns a Host for the machine below root. root holds proc, sys and etc. "" and "/" are the live machine.
func Open(root string) (*Host, error) {
	r, err := sys.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &Host{Root: r}, nil
}
