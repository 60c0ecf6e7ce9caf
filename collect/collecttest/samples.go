package collecttest

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/ipctop/ipctop/collect/schema"
)

// Sample is a small machine with objects of every kind. It has:
//
//	a pipeline of a shell; a pipe and a FIFO with one end only
//	queues, sets and segments; one segment is an orphan
//	sockets of each sort
//	a zombie, a stopped process and a kernel thread
func Sample(tb testing.TB) *Machine {
	m := New(tb)
	m.processes()
	m.objects()
	m.sockets()
	m.FIFO("/run/app/control")
	return m
}

func (m *Machine) processes() {
	const read, write, both = syscall.O_RDONLY, syscall.O_WRONLY, syscall.O_RDWR
	pts := FD{"/dev/pts/0", both}
	for _, p := range []Process{
		{PID: 1, Comm: "init", PGID: 1, SID: 1, Args: []string{"/sbin/init"}, Start: 5, UTime: 120, STime: 300,
			RSS: 2048},
		{PID: 2, Comm: "kthreadd", State: 'S', Flags: 0x00208040, Start: 5},
		{PID: 3, PPID: 2, Comm: "kworker/0:0-events", State: 'I', Nice: -20, Flags: 0x04208060, Start: 6},
		{PID: 100, PPID: 1, PGID: 100, SID: 100, TTY: 34816, Comm: "bash", UID: 1000, GID: 1000,
			Args: []string{"-bash"},
			RSS:  1200, UTime: 10, STime: 5,
			FDs: map[int]FD{0: pts, 1: pts, 2: pts}},
		{PID: 101, PPID: 100, PGID: 101, SID: 100, TTY: 34816, Comm: "yes", State: 'R', UID: 1000, GID: 1000,
			Args: []string{"yes", "a word"}, RSS: 300, UTime: 8600, STime: 900,
			FDs: map[int]FD{0: pts, 1: {"pipe:[7001]", write}, 2: pts}},
		{PID: 102, PPID: 100, PGID: 101, SID: 100, TTY: 34816, Comm: "head", State: 'T', UID: 1000, GID: 1000,
			Args: []string{"head", "-n", "3"}, RSS: 310,
			FDs: map[int]FD{0: {"pipe:[7001]", read}, 1: pts, 2: pts}},
		{PID: 103, PPID: 100, PGID: 103, SID: 100, Comm: "defunct", State: 'Z', UID: 1000, GID: 1000},
		{PID: 200, PPID: 1, PGID: 200, SID: 200, Comm: "appd", UID: 33, GID: 33, Nice: 5, Threads: 4,
			Args: []string{"/usr/sbin/appd", "--control", "/run/app/control"}, RSS: 25600, UTime: 4000, STime: 2000,
			FDs: map[int]FD{
				0: {"/dev/null", read}, 3: {"/run/app/control", read}, 4: {"pipe:[7002]", write},
				5: {"socket:[9001]", both},
				6: {"socket:[9002]", both},
				7: {"socket:[9010]", both}, 8: {"socket:[9011]", both}, 9: {"anon_inode:[eventpoll]", both},
				10: {"pipe:[7003]", read | syscall.O_NONBLOCK}, 11: {"pipe:[7003]", write | syscall.O_NONBLOCK},
			},
			Maps: []string{
				"55d0c0000000-55d0c0001000 r-xp 00000000 08:01 131 /usr/sbin/appd",
				"7f0000000000-7f0000400000 rw-s 00000000 00:01 32769 /SYSV00001234 (deleted)",
				"7f0000800000-7f0000801000 rw-s 00000000 00:01 32770 /SYSV00000000 (deleted)",
			}},
		{PID: 201, PPID: 200, PGID: 200, SID: 200, Comm: "appd", UID: 33, GID: 33, Args: []string{"appd: worker"},
			RSS:   20000,
			Start: 43200 * 100,
			FDs: map[int]FD{5: {"socket:[9003]", both}, 7: {"socket:[9012]", both}, 8: {"socket:[9013]", both},
				9: {"socket:[9020]", both}, 10: {"socket:[9021]", both}},
			Maps: []string{
				"7f0000000000-7f0000400000 rw-s 00000000 00:01 32769 /SYSV00001234 (deleted)",
			}},
	} {
		m.Process(p)
	}
	// into the pipe of head, which is stopped and does not read
	m.Blocked(101, syscall.SYS_WRITE, 1, 0x55d0c0002000, 4096)
	m.Write("/proc/102/task/102/syscall", "-1 0x7ffd00001000 0x7f0000100000\n")
}

// Locked is the path of the locked file of Notifiers.
const Locked = "/run/app.lock"

// Notifiers is a machine with two processes that hold objects to wake others:
//
//	an eventfd that they share, and an empty one
//	a lock that one process holds and the other waits for
//	a lock whose taker is gone, and two locks of other processes
//	an epoll instance, timers and similar descriptors
func Notifiers(tb testing.TB) *Machine {
	m := New(tb)
	m.Write(Locked, "")
	dev, ino := m.FileID(Locked)
	var major, minor int
	_, err := fmt.Sscanf(schema.FormatDev(dev), "%d:%d", &major, &minor)
	m.check(err)
	lock := fmt.Sprintf("1: POSIX  ADVISORY  WRITE 210 %02x:%02x:%d 0 99\n", major, minor, ino)
	// The process that took the lock is gone, and process 211 has its pid now. Process 210 has inherited the open file.
	taken := fmt.Sprintf("FLOCK  ADVISORY  WRITE 211 %02x:%02x:%d 0 EOF\n", major, minor, ino)
	// The device and inodes of the other locks are smaller than those of any file of the tree, so they come first.
	m.Write("/proc/locks", lock+fmt.Sprintf("1: -> POSIX  ADVISORY  READ 211 %02x:%02x:%d 50 59\n", major, minor, ino)+
		"4: "+taken+"2: FLOCK  ADVISORY  READ 211 00:02:7 0 EOF\n3: OFDLCK ADVISORY  WRITE -1 00:02:8 0 EOF\n")
	const both = syscall.O_RDWR
	const count = "eventfd-count:                3\neventfd-id: 17\neventfd-semaphore: 1\n"
	m.Process(Process{PID: 210, PPID: 1, PGID: 210, SID: 210, Comm: "eventd", Args: []string{"eventd"},
		FDs: map[int]FD{
			3: {"anon_inode:[eventfd]", both},
			4: {"anon_inode:[eventfd]", both},
			5: {Locked, both},
			6: {"anon_inode:[eventpoll]", both}, 7: {"pipe:[7005]", both}, 8: {"socket:[9005]", both},
			9: {"anon_inode:[signalfd]", both}, 10: {"anon_inode:[timerfd]", both}, 11: {"anon_inode:inotify", both},
			12: {"anon_inode:[pidfd]", both}, 13: {"anon_inode:[pidfd]", both}, 14: {"anon_inode:[io_uring]", both},
			15: {"anon_inode:[userfaultfd]", both},
		},
		FDInfo: map[int]string{
			5: "lock:\t" + lock + "lock:\t2: " + taken,
			6: "tfd:        3 events:       19 data:                3  pos:0 ino:40e sdev:10\n" +
				"tfd:        7 events: 80002001 data:                5  pos:0 ino:1b5d sdev:f\n" +
				"tfd:        8 events:        5 data:                5  pos:0 ino:232d sdev:8\n" +
				"tfd:       99 events:        5 data:                5  pos:0 ino:2a sdev:6\n",
			9:  "sigmask:\t0000000200000201\n",
			10: "clockid: 1\nticks: 2\nsettime flags: 01\nit_value: (12, 500000000)\nit_interval: (60, 0)\n",
			11: "inotify wd:2 ino:3c4a3 sdev:800001 mask:2 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 " +
				"f_handle:a3c4030000000000\ninotify wd:1 ino:2 sdev:1b mask:300 ignored_mask:0 \n",
			12: "Pid:\t211\nNSpid:\t211\t7\n",
			13: "Pid:\t-1\nNSpid:\t-1\n",
			14: "SqMask:\t0x7\nSqHead:\t4\nSqTail:\t5\nCqMask:\t0xf\nCqHead:\t4\nCqTail:\t6\nSqThread:\t-1\n" +
				"UserFiles:\t2\nUserBufs:\t0\n",
			15: "pending:\t1\ntotal:\t3\nAPI:\taa:80000101:80000000000001ff\n",
			3:  count,
			4:  "eventfd-count:                0\neventfd-id: 18\neventfd-semaphore: 0\n",
		}})
	m.Process(Process{PID: 211, PPID: 210, PGID: 210, SID: 210, Comm: "eventd", Args: []string{"eventd: worker"},
		FDs:    map[int]FD{3: {"anon_inode:[eventfd]", both}},
		FDInfo: map[int]string{3: count}})
	m.buffers()
	return m
}

// buffers adds two processes that share a BPF map and a DMA buffer. One of them has the map's program and link, too.
func (m *Machine) buffers() {
	const both = syscall.O_RDWR
	const ring = "map_type:\t27\nkey_size:\t0\nvalue_size:\t0\nmax_entries:\t4096\nmap_flags:\t0x0\nmap_extra:\t0x0\n" +
		"memlock:\t12288\nmap_id:\t5\nfrozen:\t0\n"
	const buffer = "ino:\t77\nsize:\t8294400\ncount:\t4\nexp_name:\tsystem\nname:\tframe\n"
	m.Process(Process{PID: 212, PPID: 1, PGID: 212, SID: 212, Comm: "tracer", Args: []string{"tracer"},
		FDs: map[int]FD{3: {"anon_inode:bpf-map", both}, 4: {"anon_inode:bpf-prog", both},
			5: {"anon_inode:bpf_link", both},
			6: {"anon_inode:[eventpoll]", both}, 7: {"/dmabuf:frame", both}},
		FDInfo: map[int]string{3: ring,
			4: "prog_type:\t26\nprog_jited:\t1\nprog_tag:\t3b185187f1855c4c\nmemlock:\t4096\nprog_id:\t5\n" +
				"run_time_ns:\t0\nrun_cnt:\t0\nrecursion_misses:\t0\nverified_insns:\t2\n",
			5: "link_type:\titer\nlink_id:\t5\nprog_tag:\t3b185187f1855c4c\nprog_id:\t5\ntarget_name:\ttask\n",
			6: "tfd:        3 events:       19 data:                3  pos:0 ino:40e sdev:10\n",
			7: buffer}})
	m.Process(Process{PID: 213, PPID: 212, PGID: 212, SID: 212, Comm: "viewer", Args: []string{"viewer"},
		FDs: map[int]FD{3: {"anon_inode:bpf-map", both}, 4: {"/dmabuf:frame", both},
			5: {"/dmabuf:plain file", both}},
		FDInfo: map[int]string{3: ring, 4: buffer, 5: "ino:\t78\n"}})
}

func (m *Machine) objects() {
	m.SysV("msg",
		"     4660          0   660         120          3   200   201    33    33    33    33  946680000  946680060  "+
			"946670000",
		"        0      32769   600           0          0     0     0  1000  1000  1000  1000          0          0  "+
			"946684790")
	m.SysV("sem",
		"       17          3   640          2    33    33    33    33  946684000  946670000",
		"-559038737      65538   600        250  1000  1000     0     0          0  946670000")
	m.SysV("shm",
		"     4660      32769   640               4194304   200   201      2    33    33    33    33  946681200  "+
			"946681260  946670000              2097152                 4096",
		"        0      32770  1600                  4096   200   200      1    33    33    33    33  "+
			"946681200          0  946670001                 4096                    0",
		"     4661      32771   600            1073741824    99    99      0  1000  1000  1000  1000          0  "+
			"946674000  946673999                    0            536870912")
}

func (m *Machine) sockets() {
	m.Net("unix",
		"0000000000000000: 00000002 00000000 00010000 0001 01  9001 /run/app/socket",
		"0000000000000000: 00000003 00000000 00000000 0001 03  9002 /run/app/socket",
		"0000000000000000: 00000003 00000000 00000000 0001 03  9003",
		"0000000000000000: 00000002 00000000 00000000 0002 01  9004 @app/notify",
		"0000000000000000: 00000002 00000000 00010000 0005 01  9005 @seq packet")
	m.Net("netlink",
		"0000000000000000 0   0          00000000 0        0        0     2        0        4       ",
		"0000000000000000 15  201        00000003 1024     0        0     2        7        9020    ")
	m.Net("packet", "0000000000000000 3      3    0003   0     1 2048   0      9021  ")
	m.Net("tcp",
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000    33        0 9010 1 "+
			"0000000000000000 100 0 0 10 0",
		"   1: 0100007F:1F90 0100007F:9C40 01 00000010:00000000 01:00000014 00000000    33        0 9011 1 "+
			"0000000000000000 20 4 30 10 -1",
		"   2: 0100007F:9C40 0100007F:1F90 08 00000000:00000400 00:00000000 00000000    33        0 9012 1 "+
			"0000000000000000 20 4 30 10 -1",
		"   3: 0A00000A:0016 0B00000A:D431 06 00000000:00000000 03:00001770 00000000     0        0 0 3 "+
			"0000000000000000")
	m.Net("tcp6",
		"   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 "+
			"00:00000000 00000000     0        0 9014 1 0000000000000000 100 0 0 10 0")
	m.Net("udp",
		"  10: 00000000:0035 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 9013 2 "+
			"0000000000000000 7")
}

// Hostile lists names with every sort of dangerous text.
func Hostile() []string {
	return []string{
		"\x1b[31mred\x1b[0m", // colours
		"\x1b]0;title\a",     // the title of a window
		"a\nb\rc\td",         // lines and columns
		"[red]tag[-]",        // markup of the dashboard
		"\u202egnp.exe",      // reads backwards
		"zero\u200bwidth\ufeff",
		"\u0085\u009b31m", // C1 controls in UTF-8
		"\x9b31m\xff\xfe", // C1, and bytes that are not UTF-8
		"two  blanks ",    // separators of awk
		`q"uo'te\,;`,      // JSON, CSV, the shell
		"(a) S 1 (b",      // syntax of /proc/PID/stat
		"<b>&amp;",
		"=1+1",           // a formula for a spreadsheet
		"\u00a0\u2028x",  // other blanks
		"e\u0301\u4e2d😀", // harmless, of several widths
	}
}

// HostileMachine has processes, FIFOs and sockets with each of these names.
func HostileMachine(tb testing.TB) *Machine {
	m := New(tb)
	for i, name := range Hostile() {
		comm := name[:min(len(name), 15)]
		fifo := "/run/fifo " + name
		m.FIFO(fifo)
		inode := 5000 + i
		m.Process(Process{PID: 300 + i, PPID: 1, Comm: comm, Args: []string{name, "--" + name}, FDs: map[int]FD{
			3: {fifo, syscall.O_RDWR},
			4: {pipeName(inode), syscall.O_WRONLY},
			5: {socketName(inode), syscall.O_RDWR},
		}})
		m.Net("unix", unixLine(inode, "/run/"+name), unixLine(inode+500, "@"+name))
	}
	return m
}

func pipeName(inode int) string   { return fmt.Sprintf("pipe:[%d]", inode) }
func socketName(inode int) string { return fmt.Sprintf("socket:[%d]", inode) }

func unixLine(inode int, name string) string {
	return fmt.Sprintf("0000000000000000: 00000002 00000000 00010000 0001 01 %5d %s", inode, name)
}
