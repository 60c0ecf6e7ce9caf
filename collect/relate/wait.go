// Package relate decides which threads are stuck and which objects are leaked, and says why in sentences. It is pure:
// callers pass in the facts about threads and objects.
//
//	tasks with their waits ─► Solve ─► a Status for each task, and the knots (deadlocks) that hold them
//	evidence of an object's use ─► Judge ─► live, idle, protected, suspect, orphan or unknown, with reasons
//
// The package reads no file and imports only schema.
package relate

import (
	"time"

	"github.com/ipctop/ipctop/collect/schema"
)

// Thread identifies one thread by its process and its TID. Proc.Gen holds the start of the process, so that a reused
// pid is another Thread.
type Thread struct {
	Proc schema.Ref
	TID  int
}

// Activity is the known state of a thread.
type Activity uint8

const (
	// Running threads run, or sleep in a call that ends by itself (nanosleep) or that ipctop does not follow (the
	// network, a terminal, an unreadable call). A thread of unknown state counts as Running.
	Running Activity = iota
	// Stopped threads go on when they get SIGCONT, or when their tracer lets them go on.
	Stopped
	// Waiting threads sleep until one of Wait.Enders acts.
	Waiting
)

// Task is a thread and its activity.
type Task struct {
	Thread
	Comm     string // name of the process
	Activity Activity
	Doing    string // in words, for Running and Stopped: "runs", "sleeps in nanosleep", "is stopped"
	Wait     Wait   // if Waiting
}

// Wait describes a blocked call of a thread.
type Wait struct {
	On      schema.Ref    // the object of the call; zero: the process's own memory
	Call    string        // "semop", "read", "flock"
	Via     string        // the call in words: "semop [2] -1"
	Since   time.Time     // the estimated start of the wait; zero: not known
	Timed   bool          // the wait ends by itself
	Timeout time.Duration // the whole timeout of the call; 0: not known
	// Token identifies one sleep of the thread: a sum of its stack pointer, arguments and context switches. Two samples
	// show the same wait only if their Tokens are equal. 0: not known.
	Token  uint64
	Enders []Ender // the threads and processes that could end the wait
	// Open names others that could end the wait: "whoever sends to the queue", "processes that could not be looked
	// into". An open wait is never called stuck. "": nobody else.
	Open string
	// ByHandler means that Open is a signal handler of the waiter itself. It tells a person something only if nobody
	// else could end the wait.
	ByHandler bool
	// Assumes is an assumption behind the claim that nobody else could end the wait: "that process 1, which could not
	// be looked into, has no end of it". It makes a verdict on the wait inferred. "": no assumption.
	Assumes string
	// Changeable means that somebody may have changed what the call got, and no list of the kernel shows the opposite.
	// A deadlock that rests on such a wait is only possible: a warning.
	Changeable bool
	// Signals says what signals do to a wait that they cannot end as usual: "no signal ends it". "": as usual.
	Signals string
	// EndedBy says who may end the waiter's process, though nobody ends the wait: "its parent 2/timeout may end it when
	// its time is over". It changes no verdict. "": nobody is known.
	EndedBy string
	// Left says who left the object as it is, and is gone: "its last change was by process 4, which is gone". "":
	// nobody is known.
	Left string
}

// Ender is a thread or process that could end a wait.
type Ender struct {
	Proc  schema.Ref
	TID   int    // the only thread that could end it, such as a mutex's owner; 0: any thread of the process
	How   string // its relation to the object: "holds it", "reads it", "changed it last"
	Proof schema.Proof
	// Weak enders are not known to hold the object: a related process may know the semaphore. A free weak ender is a
	// way out, but a stuck weak ender closes no cycle.
	Weak bool
	// A Bystander is a weak Ender that nothing but its place beside the waiter connects with the object: the next
	// program of a pipeline.
	Bystander bool
	// GivesBack means that the kernel gives back what the Ender took when the Ender's process ends (SEM_UNDO,
	// semop(2)).
	GivesBack bool
	// FD is the descriptor by which it has its end; the first of several. It is known if ByFD is true.
	FD   int32
	ByFD bool
	// On is the object that the Ender acts on, where a poll waits for several objects; zero: Wait.On.
	On schema.Ref
}

// objectFor returns the object through which an Ender could end the wait.
func (w *Wait) objectFor(e *Ender) schema.Ref {
	if e != nil && !e.On.IsZero() {
		return e.On
	}
	return w.On
}
