package kernel

// Admin changes the machine: removing, creating and signalling are its methods and nobody else's.
// Only actions holds one, and demo, to make its objects.
//
// Calls that can block (MsgSend, MsgReceive, SemOp) block their goroutine only. The Go runtime preempts long-running
// goroutines with SIGURG, which interrupts msgsnd, msgrcv, semop and semtimedop with EINTR even where SA_RESTART is set
// (man 7 signal); the methods go on waiting then.
type Admin struct{}

// NewAdmin returns an Admin for the live machine.
func NewAdmin() *Admin { return &Admin{} }
