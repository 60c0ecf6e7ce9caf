// Package collecttest builds trees of files that look like a machine's /proc, for tests of everything that reads
// through a kernel.Host.
//
//	m := collecttest.New(t)
//	m.Process(collecttest.Process{PID: 7, Comm: "cat", FDs: map[int]collecttest.FD{0: {Target: "pipe:[12]"}}})
//	host, err := kernel.Open(m.Root)
//
// Only tests import it.
package collecttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Boot is the start time of every such machine, in Unix seconds. It is one day before the clock of testing/synctest
// begins (2000-01-01 UTC).
const Boot = 946684800 - 86400

// Machine is a tree of files below Root.
type Machine struct {
	Root string
	tb   testing.TB
}

// New makes a machine without processes and objects. It has names, limits, and the headings of tables.
func New(tb testing.TB) *Machine {
	tb.Helper()
	m := &Machine{Root: memory(tb), tb: tb}
	for path, text := range map[string]string{
		"/proc/stat": fmt.Sprintf("cpu  1 2 3 4 5 6 7 0 0 0\ncpu0 1 2 3 4 5 6 7 0 0 0\nintr 1\nctxt "+
			"2\nbtime %d\nprocesses 3\nprocs_running 1\nprocs_blocked 0\n", Boot),
		"/proc/sys/kernel/hostname":       "fixture\n",
		"/proc/sys/kernel/random/boot_id": "7b1f8a9e-1f0e-4c5e-9a51-0d4f0e2b6c11\n",
		"/proc/locks":                     "",
		"/proc/sys/kernel/msgmni":         "32000\n",
		"/proc/sys/kernel/msgmnb":         "16384\n",
		"/proc/sys/kernel/msgmax":         "8192\n",
		"/proc/sys/kernel/sem":            "32000\t1024000000\t500\t32000\n",
		"/proc/sys/kernel/shmmax":         "18446744073692774399\n",
		"/proc/sys/kernel/shmall":         "18446744073692774399\n",
		"/proc/sys/kernel/shmmni":         "4096\n",

		"/proc/sys/fs/mqueue/queues_max":      "256\n",
		"/proc/sys/fs/mqueue/msg_max":         "10\n",
		"/proc/sys/fs/mqueue/msgsize_max":     "8192\n",
		"/proc/sys/fs/mqueue/msg_default":     "10\n",
		"/proc/sys/fs/mqueue/msgsize_default": "8192\n",
	} {
		m.Write(path, text)
	}
	m.SysV("msg", "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      "+
		"stime      rtime      ctime")
	m.SysV("sem", "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime")
	m.SysV("shm", "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      "+
		"atime      dtime      ctime                   rss                  swap")
	m.Net("netlink", "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode")
	m.Net("packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode")
	m.Net("unix", "Num       RefCount Protocol Flags    Type St Inode Path")
	for _, f := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "udplite", "udplite6"} {
		m.Net(f, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode")
	}
	m.Link("/proc/self/ns/ipc", "ipc:[4026531839]")
	return m
}

// memory makes a directory that is removed after the test. It is in /dev/shm if possible, because a machine has
// hundreds of files.
func memory(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ipctop-test-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

// Write writes a file.
func (m *Machine) Write(path, text string) {
	m.tb.Helper()
	m.check(os.WriteFile(m.place(path), []byte(text), 0o644))
}

// WriteMode writes a file with exactly these permissions. The umask has no effect.
func (m *Machine) WriteMode(path string, mode os.FileMode, text string) {
	m.tb.Helper()
	m.Write(path, text)
	m.check(os.Chmod(m.Root+path, mode))
}

// Append adds lines to a file.
func (m *Machine) Append(path string, lines ...string) {
	m.tb.Helper()
	f, err := os.OpenFile(m.place(path), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	m.check(err)
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	m.check(err)
	m.check(f.Close())
}

// SysV adds lines to /proc/sysvipc/KIND.
func (m *Machine) SysV(kind string, lines ...string) { m.Append("/proc/sysvipc/"+kind, lines...) }

// Net adds lines to /proc/net/FILE.
func (m *Machine) Net(file string, lines ...string) { m.Append("/proc/net/"+file, lines...) }

// Link makes a symbolic link. The target need not exist.
func (m *Machine) Link(path, target string) {
	m.tb.Helper()
	m.check(os.Symlink(target, m.place(path)))
}

// Blocked makes the main thread of the process sleep in a system call.
func (m *Machine) Blocked(pid, nr int, args ...uint64) {
	m.tb.Helper()
	var all [6]uint64
	copy(all[:], args)
	m.Write(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, pid),
		fmt.Sprintf("%d %#x %#x %#x %#x %#x %#x 0x7ffd00000f00 0x7f0000100000\n", nr, all[0], all[1], all[2],
			all[3], all[4], all[5]))
}

// FIFO makes a FIFO at a path of the machine.
func (m *Machine) FIFO(path string) {
	m.tb.Helper()
	m.check(syscall.Mkfifo(m.place(path), 0o600))
}

// FileID is the device and inode of a file. A test cannot choose them.
func (m *Machine) FileID(path string) (dev, ino uint64) {
	m.tb.Helper()
	var st syscall.Stat_t
	m.check(syscall.Stat(m.Root+path, &st))
	return st.Dev, st.Ino
}

// place makes the directories above a path of the machine.
func (m *Machine) place(path string) string {
	m.tb.Helper()
	whole := m.Root + path
	m.check(os.MkdirAll(filepath.Dir(whole), 0o755))
	return whole
}

func (m *Machine) check(err error) {
	m.tb.Helper()
	if err != nil {
		m.tb.Fatal(err)
	}
}

// Remove removes a file or directory.
func (m *Machine) Remove(path string) {
	m.tb.Helper()
	m.check(os.RemoveAll(m.Root + path))
}

// Refuse removes all rights to a file or directory. Only root can still read it.
func (m *Machine) Refuse(path string) {
	m.tb.Helper()
	m.check(os.Chmod(m.Root+path, 0))
	m.tb.Cleanup(func() { os.Chmod(m.Root+path, 0o700) })
}

// Open lets other users reach the machine.
func (m *Machine) Open() {
	m.tb.Helper()
	for dir := m.Root; dir != os.TempDir() && dir != "/dev/shm" && len(dir) > 1; dir = filepath.Dir(dir) {
		m.check(os.Chmod(dir, 0o755))
	}
}

// FD is an open file descriptor.
type FD struct {
	Target string // text of the symbolic link
	Flags  int    // as in open(2); the low bits are the access mode
}

// Process is one /proc/PID. Fields that a test leaves out are 0, with three exceptions. State is "S", Threads is 1, and
// Start is PID seconds after Boot.
type Process struct {
	PID, PPID, PGID, SID, TTY int
	Comm                      string
	State                     byte
	Flags                     uint64 // PF_*
	UTime, STime, Start       uint64 // in clock ticks
	Nice, Threads             int
	RSS                       int64 // in pages
	UID, GID                  uint32
	Args                      []string
	FDs                       map[int]FD
	// lines of fdinfo after position, flags and inode; text that begins with "ino:" has its own inode
	FDInfo map[int]string
	Maps   []string // lines of maps
}

// Process adds a process.
func (m *Machine) Process(p Process) {
	m.tb.Helper()
	if p.State == 0 {
		p.State = 'S'
	}
	if p.Start == 0 {
		p.Start = uint64(p.PID) * 100
	}
	p.Threads = max(1, p.Threads)
	dir := fmt.Sprintf("/proc/%d/", p.PID)
	// proc_pid_stat(5): 52 fields
	m.Write(dir+"stat", fmt.Sprintf("%d (%s) %c %d %d %d %d -1 %d 0 0 0 0 %d %d 0 0 20 %d %d 0 %d 4096 %d "+
		"18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		p.PID, p.Comm, p.State, p.PPID, p.PGID, p.SID, p.TTY, p.Flags, p.UTime, p.STime, p.Nice, p.Threads,
		p.Start, p.RSS))
	ids := func(id uint32) string { return strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%d\t", id), 4), "\t") }
	m.Write(dir+"status", fmt.Sprintf("Name:\t%s\nUmask:\t0022\nState:\t%c\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n"+
		"Uid:\t%s\nGid:\t%s\nThreads:\t%d\n",
		escapeStatus(p.Comm), p.State, p.PID, p.PID, p.PPID, ids(p.UID), ids(p.GID), p.Threads))
	cmdline := ""
	if len(p.Args) > 0 {
		cmdline = strings.Join(p.Args, "\x00") + "\x00"
	}
	m.Write(dir+"cmdline", cmdline)
	m.Link(dir+"ns/ipc", "ipc:[4026531839]")
	m.check(os.MkdirAll(m.Root+dir+"fd", 0o755))
	for fd, f := range p.FDs {
		m.Link(fmt.Sprintf("%sfd/%d", dir, fd), f.Target)
		info := p.FDInfo[fd]
		if !strings.HasPrefix(info, "ino:") {
			info = "ino:\t1\n" + info
		}
		m.Write(fmt.Sprintf("%sfdinfo/%d", dir, fd),
			fmt.Sprintf("pos:\t0\nflags:\t0%o\nmnt_id:\t15\n%s", f.Flags, info))
	}
	maps := ""
	if len(p.Maps) > 0 {
		maps = strings.Join(p.Maps, "\n") + "\n"
	}
	m.Write(dir+"maps", maps)
}

// escapeStatus writes a name as in the Name line of /proc/PID/status. The kernel escapes newline and backslash
// (proc_task_name, fs/proc/array.c).
func escapeStatus(comm string) string {
	return strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(comm)
}
