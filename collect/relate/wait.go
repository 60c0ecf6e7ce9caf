// Package relate is pure: from what was seen of threads and objects it works out who is stuck and what is leaked, and
// says why in sentences.
//
//	tasks with their waits ─► Solve ─► a Verdict for each task, and the knots that hold them
//	evidence of an object's use ─► Judge ─► live, idle, protected, suspect, orphan or unknown, with reasons
//
// It reads nothing. It imports only schema.
package relate

import (
	"time"

	"github.com/ipctop/ipctop/collect/schema"
)

// Thread identifies one thread: its process with its start time, and its TID.
type Thread struct {
	Proc schema.Ref
	TID  int
}

// Activity is what a thread does, as far as it could be seen.
type Activity uint8

const (
	// Running threads may do anything: they run, or sleep in something that ends by itself or that nothing here knows
	// (nanosleep, the network, a terminal, an unreadable call). Unseen is Running.
	Running Activity = iota
	// Stopped threads go on when somebody sends SIGCONT, or a tracer lets them.
	Stopped
	// Waiting threads sleep until somebody among Wait.Enders acts.
	Waiting
)

// Task is a thread with what it does.
type Task struct {
	Thread
	Comm     string // name of the process
	Activity Activity
	Doing    string // in words, for Running and Stopped: "runs", "sleeps in nanosleep", "is stopped"
	Wait     Wait   // if Waiting
}

// Wait is what a thread sleeps for.
type Wait struct {
	On      schema.Ref    // the object; zero for a wait in the process's own memory
	Call    string        // "semop", "read", "flock"
	Via     string        // the call in words: "semop [2] -1"
	Since   time.Time     // when it began, as well as can be told; zero: not known
	Timed   bool          // it ends by itself
	Timeout time.Duration // how long the call was told to wait in all; 0: not known
	// Token changes whenever the thread slept anew, however alike the two waits look: a sum of its stack pointer,
	// arguments and switches. Only a wait with the same Token in two samples is one wait. 0: not known.
	Token  uint64
	Enders []Ender // who could end it
	// Open says that others than the Enders could end it, and who: "whoever sends to the queue", "processes that could
	// not be looked into". A wait that is Open is never called stuck. "": nobody else.
	Open string
	// Assumes says what is taken for granted in saying that nobody else could end the wait: "that process 1, which could
	// not be looked into, has no end of it". A verdict that rests on it is inferred. "": nothing is.
	Assumes string
}

// Ender is somebody who could end a wait.
type Ender struct {
	Proc  schema.Ref
	TID   int    // the one thread that could, such as a mutex's owner; 0: any thread of the process
	How   string // what it is to the object: "holds it", "reads it", "changed it last"
	Proof schema.Proof
	// Weak enders are not known to hold what the wait is for: a relative that may know the semaphore. One that is free
	// is a way out, but one that is stuck closes no circle.
	Weak bool
	// On is the object by which it could, of several that a poll waits for; zero: Wait.On.
	On schema.Ref
}

// of is the object by which an Ender could end the wait.
func (w *Wait) of(e *Ender) schema.Ref {
	if e != nil && !e.On.IsZero() {
		return e.On
	}
	return w.On
}
