package collect

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

// examined is the report of the doctor on a machine made of files.
func examined(t *testing.T, m *collecttest.Machine) *Snapshot {
	t.Helper()
	c := machine(t, m)
	return ExamineSnapshot(c.host, c.Take(DoctorRequest()))
}

// keepIPCAdvice tells how to make logind keep the objects.
const keepIPCAdvice = "Set RemoveIPC=no under [Login] in /etc/systemd/logind.conf.d/ipc.conf and `systemctl reload " +
	"systemd-logind`"

// withUsersObjects is a machine with logind. User 1000 runs a service that has a queue and a segment. User 33, a system
// user, has another queue.
func withUsersObjects(t *testing.T) *collecttest.Machine {
	m := collecttest.New(t)
	m.Write("/run/systemd/seats/seat0", "")
	m.Process(collecttest.Process{PID: 60, PPID: 1, Comm: "systemd-logind"})
	m.SysV("msg", "         1          3   600          0          0     0     0  1000  1000  1000  1000          "+
		"0          0  946684000")
	m.SysV("shm", "         2          4   600                  4096     1     0      0  1000  1000  1000  "+
		"1000          0          0  946684000                     0                     0",
		"         3          5   600                  4096     1     0      0    33    33    33    33          "+
			"0          0  946684000                     0                     0")
	m.Process(collecttest.Process{PID: 70, PPID: 1, Comm: "jobd", UID: 1000, GID: 1000})
	m.Write("/proc/70/cgroup", "0::/system.slice/jobd.service\n")
	return m
}

func TestDoctorOnRemoveIPC(t *testing.T) {
	segment, queue := schema.Ref{Kind: schema.Shm, ID: 4, Gen: 946684000},
		schema.Ref{Kind: schema.Msg, ID: 3, Gen: 946684000}
	base := schema.Finding{Kind: "remove-ipc", Severity: schema.Warning, Proof: schema.Observed,
		Refs: []schema.Ref{queue, segment},
		Says: "user 1000 has no session now: the end of the next one removes its 1 msg, 1 shm, while processes of " +
			"it run outside of its sessions",
		Evidence: []string{"RemoveIPC=yes is systemd's default; no file of logind sets another",
			"root and system users, up to uid 999, are spared, and users who linger",
			"objects of 1000: msg:3, shm:4", "70/jobd runs in /system.slice/jobd.service"},
		Advice: "Set RemoveIPC=no under [Login] in /etc/systemd/logind.conf.d/ipc.conf and `systemctl reload " +
			"systemd-logind`; or `loginctl enable-linger 1000`; or run the service as a system user (`useradd -r`)."}
	with := func(change func(*schema.Finding)) []schema.Finding {
		f := base
		f.Evidence = append([]string{}, base.Evidence...)
		change(&f)
		return []schema.Finding{f}
	}
	for name, c := range map[string]struct {
		change func(*collecttest.Machine)
		want   []schema.Finding
	}{
		"a service of an ordinary user": {func(*collecttest.Machine) {}, []schema.Finding{base}},
		"the user is logged in": {func(m *collecttest.Machine) { m.Write("/run/systemd/users/1000", "") },
			with(func(f *schema.Finding) {
				f.Says = strings.Replace(f.Says, "has no session now: the end of the next one",
					"is logged in: the end of the last session", 1)
			})},
		"all of it in a session": {func(m *collecttest.Machine) {
			m.Write("/proc/70/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n")
		}, with(func(f *schema.Finding) {
			f.Severity, f.Evidence, f.Advice = schema.Info, f.Evidence[:3],
				keepIPCAdvice+" if something of it has to stay."
			f.Says = strings.TrimSuffix(f.Says, ", while processes of it run outside of its sessions")
		})},
		"a file says yes": {func(m *collecttest.Machine) {
			m.Write("/etc/systemd/logind.conf.d/x.conf", "[Login]\nRemoveIPC=yes\n")
		}, with(func(f *schema.Finding) {
			f.Evidence[0] = "RemoveIPC=yes is set in /etc/systemd/logind.conf.d/x.conf, line 2"
		})},
		"a file says no": {func(m *collecttest.Machine) {
			m.Write("/etc/systemd/logind.conf.d/x.conf", "[Login]\nRemoveIPC=no\n")
		}, nil},
		"a vendor builds it with no": {func(m *collecttest.Machine) {
			m.Write("/usr/lib/systemd/logind.conf",
				"[Login]\n#RemoveIPC=no\n")
		}, nil},
		"the user lingers": {func(m *collecttest.Machine) {
			m.Write("/var/lib/systemd/linger/1000",
				"")
		}, nil},
		"a system user": {func(m *collecttest.Machine) {
			m.Write("/etc/login.defs",
				"SYS_UID_MAX 1000\n")
		}, nil},
		"a directory of logind's, but no logind": {func(m *collecttest.Machine) { m.Remove("/proc/60") }, nil},
		"a logind without its directory": {func(m *collecttest.Machine) { m.Remove("/run/systemd/seats") },
			[]schema.Finding{base}},
		"one that only has its name": {func(m *collecttest.Machine) {
			m.Remove("/proc/60")
			m.Process(collecttest.Process{PID: 61, PPID: 1, Comm: "systemd-logind", UID: 1000})
		}, nil},
		"logind in another IPC namespace": {func(m *collecttest.Machine) {
			m.Remove("/proc/60/ns/ipc")
			m.Link("/proc/60/ns/ipc", "ipc:[4026532000]")
		}, nil},
		"logind in a namespace that may not be read": {func(m *collecttest.Machine) {
			m.Remove("/proc/60/ns/ipc")
			m.Remove("/proc/self/ns/ipc")
			m.Link("/proc/self/ns/ipc", "ipc:[4026532000]")
		}, []schema.Finding{{Kind: "remove-ipc", Severity: schema.Info, Proof: schema.Inferred,
			Refs: []schema.Ref{queue, segment},
			Says: "whether systemd-logind removes the IPC objects of users when their last session ends " +
				"cannot be told",
			Evidence: []string{"the IPC namespace of 60/systemd-logind could not be read",
				"objects of 1000: msg:3, shm:4"}}}},
		"two users in their sessions": {func(m *collecttest.Machine) {
			m.Remove("/proc/70")
			m.SysV("msg", "         7          6   600          0          0     0     0  1001  1001  1001  "+
				"1001          0          0  946684000")
		}, with(func(f *schema.Finding) {
			f.Severity, f.Advice = schema.Info, keepIPCAdvice+" if something of it has to stay."
			f.Refs = append(f.Refs, schema.Ref{Kind: schema.Msg, ID: 6, Gen: 946684000})
			f.Evidence[3] = "objects of 1001: msg:6"
			f.Says = "2 users lose their IPC objects when their last session ends"
		})},
	} {
		m := withUsersObjects(t)
		c.change(m)
		if diff := gocmp.Diff(c.want, findingsOn(examined(t, m).Findings, "remove-ipc", "")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Each number of the machine is tested below 90 percent of its limit, at 90 percent, and at the limit.
func TestDoctorOnTheMachinesLimits(t *testing.T) {
	limits := func(nofile string) string {
		return "Limit                     Soft Limit           Hard Limit           Units     \n" +
			"Max open files            " +
			nofile + "                 4096                 files     \n" +
			"Max msgqueue size         819200               819200               bytes     \n"
	}
	inotify := collecttest.FD{Target: "anon_inode:inotify"}
	write := func(path, format string) func(*collecttest.Machine, int) {
		return func(m *collecttest.Machine, n int) { m.Write(path, fmt.Sprintf(format, n)) }
	}
	for name, c := range map[string]struct {
		prepare func(*collecttest.Machine)
		use     func(m *collecttest.Machine, n int) // sets n of 20
		soon    string                              // the finding at 18 of 20
		end     string                              // the finding at 20 of 20
	}{
		"open files": {nil, write("/proc/sys/fs/file-nr", "%d\t0\t20\n"),
			"warning: the limit of open files of the machine is near (90 %): soon open, socket and pipe fail with " +
				"ENFILE for everybody without CAP_SYS_ADMIN",
			"critical: the limit of open files of the machine is reached: open, socket and pipe fail with ENFILE " +
				"for everybody without CAP_SYS_ADMIN"},
		"tasks": {func(m *collecttest.Machine) { m.Write("/proc/sys/kernel/pid_max", "20\n") },
			write("/proc/loadavg", "0.20 0.18 0.12 1/%d 11206\n"),
			"warning: the limit of processes and threads of the machine is near (90 %): soon fork and " +
				"pthread_create fail with EAGAIN",
			"critical: the limit of processes and threads of the machine is reached: fork and pthread_create " +
				"fail with EAGAIN"},
		"terminals": {func(m *collecttest.Machine) { m.Write("/proc/sys/kernel/pty/max", "20\n") },
			write("/proc/sys/kernel/pty/nr", "%d\n"),
			"warning: the limit of pseudoterminals is near (90 %): soon posix_openpt fails with ENOSPC: no login, " +
				"no terminal window",
			"critical: the limit of pseudoterminals is reached: posix_openpt fails with ENOSPC: no login, " +
				"no terminal window"},
		"promised memory": {func(m *collecttest.Machine) { m.Write("/proc/sys/vm/overcommit_memory", "2\n") },
			write("/proc/meminfo", "MemTotal: 40 kB\nCommitLimit: 20 kB\nCommitted_AS: %d kB\n"),
			"warning: the limit of memory that may be promised is near (90 %): soon shmget, mmap and fork fail with " +
				"ENOMEM, writes to /dev/shm with ENOSPC",
			"critical: the limit of memory that may be promised is reached: shmget, mmap and fork fail with ENOMEM, " +
				"writes to /dev/shm with ENOSPC"},
		"descriptors": {nil, func(m *collecttest.Machine, n int) {
			m.Process(collecttest.Process{PID: 9, PPID: 1, Comm: "leaky", FDs: fds(n)})
			m.Write("/proc/9/limits", limits("20"))
		},
			"warning: process 9/leaky has nearly used up the descriptors that RLIMIT_NOFILE allows it: soon open, " +
				"socket, pipe, mq_open and shm_open fail with EMFILE there",
			"critical: process 9/leaky has used up the descriptors that RLIMIT_NOFILE allows it: open, socket, " +
				"pipe, mq_open and shm_open fail with EMFILE there"},
		"inotify instances": {func(m *collecttest.Machine) {
			m.Write("/proc/sys/fs/inotify/max_user_instances", "20\n")
		},
			func(m *collecttest.Machine, n int) {
				for i := range n {
					m.Process(collecttest.Process{PID: 10 + i, PPID: 1, Comm: "watch", UID: 7,
						FDs: map[int]collecttest.FD{3: inotify}})
				}
			},
			"warning: the limit of inotify instances of user 7 is near (90 %): soon inotify_init fails with EMFILE",
			"critical: the limit of inotify instances of user 7 is reached: inotify_init fails with EMFILE"},
		"inotify watches": {func(m *collecttest.Machine) { m.Write("/proc/sys/fs/inotify/max_user_watches", "20\n") },
			func(m *collecttest.Machine, n int) {
				m.Process(collecttest.Process{PID: 9, PPID: 1, Comm: "watch", UID: 7,
					FDs: map[int]collecttest.FD{3: inotify},
					FDInfo: map[int]string{3: strings.Repeat("inotify wd:1 ino:2 sdev:1b mask:300 ignored_mask:0 \n",
						n)}})
			},
			"warning: the limit of inotify watches of user 7 is near (90 %): soon inotify_add_watch fails with ENOSPC",
			"critical: the limit of inotify watches of user 7 is reached: inotify_add_watch fails with ENOSPC"},
		"pages of pipes": {func(m *collecttest.Machine) { m.Write("/proc/sys/fs/pipe-user-pages-soft", "320\n") },
			func(m *collecttest.Machine, n int) {
				pipes := map[int]collecttest.FD{}
				for i := range n {
					pipes[i] = collecttest.FD{Target: fmt.Sprintf("pipe:[%d]", 100+i)}
				}
				m.Process(collecttest.Process{PID: 9, PPID: 1, Comm: "piper", UID: 7, FDs: pipes})
			},
			"warning: the limit of pages in pipes of user 7 is near (90 %): soon new pipes get 2 pages, " +
				"which makes them slow, and fcntl F_SETPIPE_SZ fails with EPERM",
			"warning: the limit of pages in pipes of user 7 is reached: new pipes get 2 pages, which makes them " +
				"slow, and fcntl F_SETPIPE_SZ fails with EPERM"},
		"TCP": {func(m *collecttest.Machine) { m.Write("/proc/sys/net/ipv4/tcp_max_orphans", "20\n") },
			func(m *collecttest.Machine, n int) {
				m.Write("/proc/net/sockstat", fmt.Sprintf("sockets: used 1\n"+
					"TCP: inuse 1 orphan %d tw 0 alloc 1 mem 0\n", n))
			},
			"warning: the limit of TCP connections that no process holds any more is near (90 %): soon they are " +
				"reset without their last data",
			"critical: the limit of TCP connections that no process holds any more is reached: they are reset " +
				"without their last data"},
	} {
		for n, want := range map[int]string{17: "", 18: c.soon, 20: c.end} {
			m := collecttest.New(t)
			if c.prepare != nil {
				c.prepare(m)
			}
			c.use(m, n)
			snap := examined(t, m)
			var got string
			for _, f := range snap.Findings {
				got += string(f.Severity) + ": " + f.Says
			}
			if got != want || len(snap.Faults) > 0 {
				t.Errorf("%s, %d of 20: got %q, want %q, faults %v", name, n, got, want, snap.Faults)
			}
		}
	}
}

// fds makes n descriptors on a file.
func fds(n int) map[int]collecttest.FD {
	all := map[int]collecttest.FD{}
	for i := range n {
		all[i] = collecttest.FD{Target: "/dev/null"}
	}
	return all
}

// The most severe finding comes first. Findings of the same severity keep the order of the checks.
func TestDoctorsFindingsAreInOrder(t *testing.T) {
	m := withUsersObjects(t)
	m.Write("/proc/sys/kernel/msgmni", "1\n")
	m.Write("/proc/sys/fs/file-nr", "9\t0\t10\n")
	m.Process(collecttest.Process{PID: 80, PPID: 70, Comm: "gone", State: 'Z'})
	var got []string
	for _, f := range examined(t, m).Findings {
		got = append(got, string(f.Severity)+" "+f.Kind)
	}
	if diff := gocmp.Diff([]string{"critical limit", "warning limit", "warning remove-ipc", "info zombies"},
		got); diff != "" {
		t.Error(diff)
	}
}

// A source that cannot be read is reported, and the other checks still run.
func TestDoctorSaysWhatItCouldNotRead(t *testing.T) {
	m := withUsersObjects(t)
	m.Write("/proc/sys/fs/file-nr", "many\n")
	m.Write("/proc/loadavg", "\n")
	snap := examined(t, m)
	want := []schema.Fault{{Source: "fs.file-nr", Says: "read /proc/sys/fs/file-nr: malformed"},
		{Source: "/proc/loadavg", Says: "read /proc/loadavg: malformed"}}
	notes := []string{"not there, so that nothing was checked against it: fs.inotify.max_user_instances, " +
		"fs.inotify.max_user_watches, fs.pipe-user-pages-soft, fs.pipe-user-pages-hard, pids.max of control groups, " +
		"kernel.pty.max, kernel.pty.nr, vm.overcommit_memory, /dev/shm, /proc/meminfo, kernel.pid_max, " +
		"kernel.shm_rmid_forced"}
	if diff := gocmp.Diff(notes, snap.Notes); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff(want, snap.Faults); diff != "" || len(findingsOn(snap.Findings, "remove-ipc", "")) != 1 {
		t.Errorf("%+v\n%s", snap.Findings, diff)
	}
}

// If processes are hidden, an unseen logind may run. The sign is its directory under /run.
func TestDoctorOnHiddenLogind(t *testing.T) {
	m := withUsersObjects(t)
	m.Remove("/proc/60")
	look := func() []schema.Finding {
		c := machine(t, m)
		snap := c.Take(DoctorRequest())
		snap.Faults = append(snap.Faults, schema.Fault{Source: "processes", Denied: true, Says: "hidepid"})
		return findingsOn(ExamineSnapshot(c.host, snap).Findings, "remove-ipc", "")
	}
	want := []schema.Finding{{Kind: "remove-ipc", Severity: schema.Info, Proof: schema.Inferred,
		Refs: []schema.Ref{{Kind: schema.Msg, ID: 3, Gen: 946684000}, {Kind: schema.Shm, ID: 4, Gen: 946684000}},
		Says: "whether systemd-logind removes the IPC objects of users when their last session ends cannot be told",
		Evidence: []string{"/run/systemd/seats is there, and not all processes could be seen",
			"objects of 1000: msg:3, shm:4"}}}
	if diff := gocmp.Diff(want, look()); diff != "" {
		t.Error(diff)
	}
	m.Remove("/run/systemd/seats")
	if got := look(); len(got) > 0 {
		t.Errorf("without its directory: %+v", got)
	}
}
