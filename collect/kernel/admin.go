package kernel

// Admin changes the machine. Only its methods remove, create and signal. Only the package actions holds an Admin, and
// demo, which makes its own objects.
//
// MsgSend, MsgReceive and SemOp can block; they block only their goroutine. The Go runtime interrupts long-running
// goroutines with SIGURG. SIGURG ends msgsnd, msgrcv, semop and semtimedop with EINTR, even with SA_RESTART (man 7
// signal). The methods then call again.
type Admin struct{}

// NewAdmin returns an Admin for the live machine.
func NewAdmin() *Admin { return &Admin{} }
