package doctor

import (
	"github.com/ipctop/ipctop/collect/schema"
)

// tasks compares the number of threads on the machine with its limits (copy_process in kernel/fork.c, alloc_pid in
// kernel/pid.c).
func tasks(x *examination) []schema.Finding {
	n, err := x.host.Tasks()
	if !x.read("/proc/loadavg", err) {
		return nil
	}
	var all []schema.Finding
	for _, knob := range []string{"kernel.threads-max", "kernel.pid_max"} {
		limit, ok := x.sysctl(knob)
		if !ok {
			continue
		}
		all = append(all, limitUse{what: "processes and threads of the machine", used: n, limit: limit, by: knob,
			fails:    "fork and pthread_create fail with EAGAIN",
			evidence: []string{"counted by /proc/loadavg, zombies among them"},
			advice: "See who has most: `ipctop --once proc --sort -nlwp`. To allow more: " + x.raiseCommand(knob,
				limit)}.findings()...)
	}
	return all
}

// terminals compares the number of pseudoterminals with its limit. The kernel reserves some for the machine's own
// devpts (devpts_new_index in fs/devpts/inode.c).
func terminals(x *examination) []schema.Finding {
	most, ok := x.sysctl("kernel.pty.max")
	used, has := x.sysctl("kernel.pty.nr")
	if !ok || !has {
		return nil
	}
	return limitUse{what: "pseudoterminals", used: used, limit: most, by: "kernel.pty.max",
		fails: "posix_openpt fails with ENOSPC: no login, no terminal window",
		evidence: []string{"counted by kernel.pty.nr; containers with a devpts of their own get " +
			"kernel.pty.reserve less"},
		advice: "See who has them: `ipctop --once pty`. To allow more: " + x.raiseCommand("kernel.pty.max",
			most)}.findings()
}

// commitment compares the memory that the kernel promised with its limit. There is a limit only if
// vm.overcommit_memory is 2 (proc_sys_vm(5)). The kernel promises a segment as a whole when it is made. It promises a
// file of a tmpfs page by page (shmem_acct_size, shmem_inode_acct_blocks in mm/shmem.c).
func commitment(x *examination) []schema.Finding {
	mode, ok := x.sysctl("vm.overcommit_memory")
	if !ok || mode != 2 {
		return nil
	}
	m, err := x.host.Memory()
	if !x.read("/proc/meminfo", err) {
		return nil
	}
	return limitUse{what: "memory that may be promised", used: m.Committed, limit: m.CommitLimit, bytes: true,
		by:    "CommitLimit",
		fails: "shmget, mmap and fork fail with ENOMEM, writes to /dev/shm with ENOSPC",
		evidence: []string{"vm.overcommit_memory is 2: no more is promised than CommitLimit of /proc/meminfo; " +
			"Committed_AS is promised"},
		advice: "Raise vm.overcommit_ratio or vm.overcommit_kbytes, add swap, or free segments that nobody uses: " +
			"`ipctop leaks`"}.findings()
}

// tcpTotals compares the totals of TCP with their limits (Documentation/networking/ip-sysctl.rst).
func tcpTotals(x *examination) []schema.Finding {
	ends := map[string]struct{ what, fails string }{
		"net.ipv4.tcp_max_orphans": {"TCP connections that no process holds any more",
			"they are reset without their last data"},
		"net.ipv4.tcp_max_tw_buckets": {"TCP connections in TIME-WAIT",
			"others end without it, and a late packet may reach the next one"},
		"net.ipv4.tcp_mem": {"memory of TCP", "no socket gets memory: connections stall and packets are dropped"},
	}
	var all []schema.Finding
	for _, g := range x.snap.Gauges {
		if end, ok := ends[g.Knob]; ok && g.Kind == schema.Inet {
			all = append(all, limitUse{what: end.what, used: g.Used, limit: g.Limit, bytes: g.Type == schema.TypeBytes,
				by: g.Knob, fails: end.fails,
				onlySlow: g.Knob == "net.ipv4.tcp_max_tw_buckets", evidence: []string{"counted by /proc/net/sockstat"},
				advice: "See the sockets: `ipctop --once inet`. The sysctl " + g.Knob + " allows more."}.findings()...)
		}
	}
	return all
}
