package demo

import (
	"fmt"
	"slices"

	"github.com/agnivade/levenshtein"

	"github.com/ipctop/ipctop/collect/schema"
)

// Scenario is one situation that the demo can set up.
type Scenario struct {
	Name    string // name on the command line
	Title   string // a few words of description
	LookFor string // what a viewer should show

	set   func(*stage) error           // in the main process: starts the workers and checks the result
	roles map[string]func(*role) error // in a worker, by the name of the role
}

// Object is one thing that a scenario made, as the main process sees it. An object that matters to several processes is
// there once for each of them.
type Object struct {
	Scenario string `json:"scenario"`
	// Gen is the ctime (msg, sem, shm), the inode (pmsg, psem, pshm), the start time (proc), or else 0
	Ref schema.Ref `json:"ref"`
	Key uint32     `json:"key"` // msg, sem, shm: 0 is IPC_PRIVATE
	// fifo, unix: path, or "@name" for an abstract name; pmsg, psem, pshm: the name; inet: local address and port
	Path    string `json:"path"`
	PID     int    `json:"pid"`      // the process that matters: holder, waiter, or creator; it may be gone
	LookFor string `json:"look_for"` // what to look for
}

// UnknownScenarioError is the error for a name that no scenario has.
type UnknownScenarioError struct {
	Name    string
	Nearest string // the existing name that is most similar
}

func (e *UnknownScenarioError) Error() string {
	return fmt.Sprintf("no scenario %q; the nearest is %q", e.Name, e.Nearest)
}

// choose returns the named scenarios, each once, in the order shown. Without names it returns all.
func choose(names []string) ([]Scenario, error) {
	all := Scenarios()
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(s Scenario) bool { return s.Name == name }) {
			return nil, &UnknownScenarioError{Name: name, Nearest: nearest(name, all)}
		}
	}
	return slices.DeleteFunc(all, func(s Scenario) bool { return !slices.Contains(names, s.Name) }), nil
}

func nearest(name string, all []Scenario) string {
	return slices.MinFunc(all, func(a, b Scenario) int {
		return levenshtein.ComputeDistance(name, a.Name) - levenshtein.ComputeDistance(name, b.Name)
	}).Name
}
