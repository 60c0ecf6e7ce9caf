package proc

import (
	"cmp"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// The first thread of a process may end before the others (man 3 pthread_exit). It stays a zombie until the others
// end, and the process lives. /proc/PID then has no tables: exit_mm, exit_files and exit_task_namespaces
// (kernel/exit.c) took them from the first thread. /proc/TID of a living thread has the tables.

// Living is a thread whose files in /proc describe the process: the first thread, or one that still lives.
func (p *Process) Living() int { return cmp.Or(p.liveThread, p.PID) }

// livingThread finds a living thread of a process whose first thread has ended, and 0 for other processes. It sets
// the state and the memory of stat to those of the living thread: the state of the first thread alone hides a stop.
func livingThread(dir process.Dir, stat *process.ProcStat) (tid int) {
	if !zombie(stat) || ended(stat) {
		return 0
	}
	threads, _ := dir.Threads()
	for _, t := range threads {
		if !zombie(&t.ProcStat) {
			stat.State, stat.RSS = t.State, t.RSS
			return t.PID
		}
	}
	return 0
}

func zombie(stat *process.ProcStat) bool { return stat.State == 'Z' || stat.State == 'X' }

// ended reports whether all threads of the process have ended.
func ended(stat *process.ProcStat) bool { return zombie(stat) && stat.Threads <= 1 }

// OpenLiving opens the directory that describes a process: /proc/PID, or /proc/TID of a living thread if the first
// thread has ended. Dir.PID is the number of that thread. fs.ErrNotExist: no such process.
func OpenLiving(host *kernel.Host, pid int) (process.Dir, error) {
	dir, err := host.OpenProc(pid)
	if err != nil {
		return process.Dir{}, err
	}
	text, err := dir.Read("stat", nil)
	if err != nil {
		dir.Close()
		return process.Dir{}, err
	}
	stat, err := process.ParseProcStat(text)
	if err != nil {
		return dir, nil
	}
	if tid := livingThread(dir, &stat); tid != 0 {
		if other, err := host.OpenProc(tid); err == nil {
			dir.Close()
			return other, nil
		}
	}
	return dir, nil
}
