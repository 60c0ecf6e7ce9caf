// Package blocker reads which lock of the kernel a sleeping thread waits for, and which thread holds the lock. The
// kernel keeps both in task_struct.blocker (include/linux/hung_task.h, Linux 6.16, CONFIG_DETECT_HUNG_TASK_BLOCKER).
// No file shows them, so a BPF program reads them.
//
//	Open ─► the program, loaded by package bpf ─► Reader.Sleeps ─► a Sleep for each thread in state D
package blocker
