package task

// record is the program's output for one thread. The program's memory has it from memRecord on: the offsets of its
// fields are the offsets in that memory.
type record struct {
	PID, TID, PPID, PGID, SID int32
	State, ExitState          uint32 // task_struct.__state, exit_state
	Flags                     uint32
	StaticPrio                int32
	RTPrio, Policy            uint32
	Threads                   int32
	TTYMajor, TTYMinor, TTY   int32 // tty_driver.major, minor_start; tty_struct.index
	Groups                    int32 // how many; the first of them are in GroupIDs
	Start                     uint64
	UTime, STime, RunTime     uint64 // of the thread alone, in nanoseconds
	// Of the process: the times of its ended threads, and what /proc said last (struct prev_cputime). Each thread has
	// them.
	SigUTime, SigSTime, SigRunTime, LastUTime, LastSTime uint64
	NVCSw, NIVCSw                                        uint64
	Files, MM, Sighand                                   uint64
	RSS                                                  [3]int64
	IDs                                                  [8]uint32 // uid gid suid sgid euid egid fsuid fsgid
	NS                                                   [8]uint32 // in the order of namespace.Types
	Comm                                                 [16]byte
	Regs                                                 registers
	AfterNVCSw                                           uint64 // NVCSw and State after the registers were read
	AfterState                                           uint32
	OnCPU                                                uint8
	Delayed                                              uint8 // sched_entity.sched_delayed
	_                                                    [2]byte
	OnRQ, FullName                                       int32
	GroupIDs                                             [mostGroups]uint32
}

// mostGroups is the number of supplementary groups in a record. Who has more is asked in /proc.
const mostGroups = 16
